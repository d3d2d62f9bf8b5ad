// SPDX-License-Identifier: Apache-2.0
// Hot path. One thread's figures in the scoreboard. Only this thread writes them, so a plain load and store do; the
// latencies belong to all threads of the worker, and are added to atomically.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/scoreboard/layout.h"

namespace vassal::worker {

class Meter {
public:
    Meter(common::scoreboard::WorkerSlot& worker, std::size_t thread) noexcept
        : worker_(worker), slot_(worker.thread[thread]) {}

    void begin_request(std::string_view method, std::string_view uri, std::int64_t now_us) noexcept {
        constexpr std::size_t size = common::scoreboard::request_line_size;
        char* const line = slot_.request_line.data();
        const std::size_t method_size = std::min(method.size(), size / 2);
        std::memcpy(line, method.data(), method_size);
        line[method_size] = ' ';
        const std::size_t uri_size = std::min(uri.size(), size - method_size - 1);
        if (uri_size > 0) std::memcpy(line + method_size + 1, uri.data(), uri_size);
        slot_.request_line_length.store(static_cast<std::uint32_t>(method_size + 1 + uri_size),
                                        std::memory_order_relaxed);
        add(slot_.request_sequence, 1);
        slot_.request_started_us.store(static_cast<std::uint64_t>(now_us), std::memory_order_release);
    }
    void end_request(int status, std::int64_t busy_us) noexcept {
        slot_.request_started_us.store(0, std::memory_order_release);
        add(slot_.busy_us, static_cast<std::uint64_t>(std::max<std::int64_t>(busy_us, 0)));
        served(busy_us);
        count_response(status);
    }
    // How long a request waited for the app, and how long the app took; also for one whose time was over.
    void queued(std::int64_t waited_us) noexcept { worker_.queue.add(worker_.queue_buckets, waited_us); }
    void served(std::int64_t busy_us) noexcept { worker_.service.add(worker_.service_buckets, busy_us); }
    // Around every wait for the client in a request: no time of the app's.
    void begin_wait() noexcept {
        started_us_ = slot_.request_started_us.load(std::memory_order_relaxed);
        slot_.request_started_us.store(INT64_MAX, std::memory_order_release);
    }
    void end_wait(std::int64_t waited_us) noexcept {
        slot_.request_started_us.store(started_us_ + static_cast<std::uint64_t>(waited_us), std::memory_order_release);
    }
    // A request that was counted when its time was over.
    void end_counted_request() noexcept { slot_.request_started_us.store(0, std::memory_order_release); }
    // Answered without the app (400, 413…) too.
    void count_response(int status) noexcept {
        add(slot_.requests, 1);
        if (status >= 100 && status < 600) add(slot_.status_classes[status / 100 - 1], 1);
    }
    void sent(std::uint64_t bytes) noexcept { add(slot_.bytes_out, bytes); }
    void received_body(std::uint64_t bytes) noexcept { add(slot_.bytes_in, bytes); }
    void exception() noexcept { add(slot_.exceptions, 1); }
    void write_error() noexcept { add(slot_.write_errors, 1); }
    void read_error() noexcept { add(slot_.read_errors, 1); }
    void client_abort() noexcept { add(slot_.client_aborts, 1); }
    // A connection waits in the middle of a request or of its answer, outside the app, or does not any more.
    void begin_unfinished() noexcept { worker_.unfinished.fetch_add(1, std::memory_order_relaxed); }
    void end_unfinished() noexcept { worker_.unfinished.fetch_sub(1, std::memory_order_relaxed); }

private:
    static void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
        counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }

    common::scoreboard::WorkerSlot& worker_;
    common::scoreboard::ThreadSlot& slot_;
    std::uint64_t started_us_ = 0;  // of the request that waits for its client
};

}  // namespace vassal::worker
