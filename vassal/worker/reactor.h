// SPDX-License-Identifier: Apache-2.0
// The epoll set that all threads of a worker wait on, and its timer. Listeners are level-triggered and exclusive (they
// can be neither one-shot nor modified), connections one-shot where several threads wait. Deadlines stand in the
// connections; one timerfd stands at the earliest known one, so that a worker without connections never wakes up.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "vassal/worker/connection.h"

namespace vassal::worker {

// What an event is about: a small number, or the address of a connection.
enum class Token : std::uint64_t { link = 1, timer = 2, wake = 3, first_listener = 16 };
inline constexpr std::uint64_t last_token = 1024;

class Reactor {
public:
    [[nodiscard]] common::Result<void> open(int link, bool is_shared);
    void close() noexcept;

    // Any number of events, 0 after a signal.
    [[nodiscard]] int wait(std::span<epoll_event> events) noexcept;

    void watch_listener(int fd, std::size_t index) noexcept;
    void forget(int fd) noexcept;
    void rearm_link(int fd) noexcept;
    void wake_all() noexcept;  // for ever: every later wait() returns at once

    // Gives the connection to the epoll set.
    enum class Armed { yes, fired, failed };  // fired: an event came in between; both others: the caller still owns it
    [[nodiscard]] Armed arm(Connection& connection, std::uint32_t events, std::int64_t deadline_us) noexcept;
    // For an event: true when the caller owns the connection now.
    [[nodiscard]] static bool claim_for_event(Connection& connection) noexcept;
    [[nodiscard]] static bool claim_for_deadline(Connection& connection) noexcept;

    // The timer fires at `time_us` or earlier.
    void schedule(std::int64_t time_us) noexcept;
    // The timer fired: nothing is scheduled any more.
    void unschedule() noexcept;

private:
    common::UniqueFd epoll_, timer_, wake_;
    std::mutex timer_mutex_;
    std::atomic<std::int64_t> next_us_{INT64_MAX};
    bool is_shared_ = false;
};

[[nodiscard]] std::int64_t now_us() noexcept;

}  // namespace vassal::worker
