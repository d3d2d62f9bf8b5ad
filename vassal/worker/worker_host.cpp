// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/worker_host.h"

#include <algorithm>

#include "common/link/channel.h"
#include "common/net/backlog.h"
#include "vassal/link/worker_messages.h"

namespace vassal::worker {
namespace {

constexpr std::int64_t between_requests_us = 1'000'000;

}  // namespace

app::Host::Asked WorkerHost::request_reload(std::string_view reason) noexcept {
    // Its link is closed in such a child, and the number may belong to something else by now.
    if (shared_.is_forked_child.load(std::memory_order_relaxed)) return Asked::refused;
    const std::int64_t now = now_us();
    if (last_request_us_ != INT64_MIN && now - last_request_us_ < between_requests_us) return Asked::pending;
    const link::WorkerMessage message = link::ReloadWanted{std::string(reason)};
    if (!common::link::send(shared_.options.link, link::encode(message))) return Asked::refused;
    last_request_us_ = now;
    return Asked::sent;
}

void WorkerHost::report_sources(const std::vector<std::string>& files) noexcept {
    if (shared_.is_forked_child.load(std::memory_order_relaxed)) return;
    // They were imported by a request that still runs; by the oldest one at the earliest.
    const std::int64_t now = now_us();
    std::int64_t began = now;
    for (int i = 0; i < shared_.threads; ++i) {
        const auto started = static_cast<std::int64_t>(
            shared_.options.slot->thread[static_cast<std::size_t>(i)].request_started_us.load(std::memory_order_relaxed));
        if (started > 0) began = std::min(began, started);
    }
    const auto age_ms = static_cast<int>(std::min<std::int64_t>((now - began) / 1000 + 5, 86'400'000));
    for (const link::Sources& packet : link::in_packets(files, age_ms))
        static_cast<void>(common::link::send(shared_.options.link, link::encode(link::WorkerMessage(packet))));
}

std::uint64_t WorkerHost::requests() noexcept {
    std::uint64_t sum = 0;
    for (int i = 0; i < shared_.threads; ++i) {
        sum += shared_.options.slot->thread[static_cast<std::size_t>(i)].request_sequence.load(std::memory_order_relaxed);
    }
    return sum;
}

long WorkerHost::listen_queue() noexcept {
    if (shared_.is_forked_child.load(std::memory_order_relaxed)) return -1;
    long waiting = 0;
    for (const WorkerListener& listener : shared_.options.listeners) {
        const auto backlog = common::net::backlog_of(listener.fd);
        if (!backlog) return -1;
        waiting += backlog->waiting;
    }
    return waiting;
}

}  // namespace vassal::worker
