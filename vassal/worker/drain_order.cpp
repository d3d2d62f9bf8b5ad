// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/drain_order.h"

#include <sys/socket.h>

#include <array>
#include <ctime>
#include <variant>

#include "vassal/link/worker_messages.h"

namespace vassal::worker {
namespace {

// The look costs a microsecond: nothing beside a request of this length. The coarse clock lags by up to a tick.
constexpr std::int64_t long_us = 5'000;

}  // namespace

bool DrainOrder::is_long_ago(std::int64_t began_us) noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * std::int64_t{1'000'000} + now.tv_nsec / 1000 - began_us > long_us;
}

bool DrainOrder::is_waiting() const noexcept {
    std::array<char, 64> packet;
    const ssize_t size = ::recv(link_, packet.data(), packet.size(), MSG_PEEK | MSG_DONTWAIT);
    if (size < 0) return false;
    if (size == 0) return true;  // the master is gone
    const auto order = link::decode_master_order({packet.data(), static_cast<std::size_t>(size)});
    return order.has_value() &&
           (std::holds_alternative<link::Drain>(*order) || std::holds_alternative<link::Stop>(*order) ||
            std::holds_alternative<link::Suspend>(*order));
}

}  // namespace vassal::worker
