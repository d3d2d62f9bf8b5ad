// SPDX-License-Identifier: Apache-2.0
// Who may come in, and when the worker is done: shared by all threads. Holds the number of open connections, adds the
// listeners to the reactor on promotion, takes them out to drain and while limits.connections is reached, and ends the
// worker when a drain has nothing left to finish.
//
// A thread that sits in a request over its time is stuck: its connection was answered (expiry.h) and counts as finished.
// With such a thread the worker cannot end in the ordinary way; the process does, on the spot.
//
//     waiting ── promote → accepting ── drain → draining ── last connection closed → finished
//        │          ↑          ↓ suspend   ↑
//        │          promote ── suspended ── drain
//        └── drain ─────────────────────────────────────────────────────────────→ finished
// A suspended worker closes its connections as one that drains, without a deadline, and lives on.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "vassal/worker/reactor.h"

namespace vassal::worker {

class Gate {
public:
    Gate(Reactor& reactor, std::vector<int> listeners, std::uint32_t max_connections, std::int64_t drain_us,
         std::int64_t idle_us);

    void promote();
    // `now_us` starts both clocks: idle connections end after min(keepalive, drain), everything after `patience_us` (zero:
    // timeouts.drain). True: the caller holds one reservation, accepts what the listeners' queues hold (reserve_last()),
    // and gives it back.
    [[nodiscard]] bool drain(std::int64_t now_us, std::int64_t patience_us);
    // Until the next promote(). True: the caller accepts what the listeners' queues hold.
    [[nodiscard]] bool suspend(std::int64_t now_us);
    void finish() noexcept;

    // Room for one more connection. Counted before accept(), so that a drain never misses one that is just coming in.
    [[nodiscard]] bool reserve();
    void reserve_last() { open_.fetch_add(1); }  // even while draining
    void give_back();  // a reservation that came to nothing, or a connection that was closed
    // By signal handlers too.
    void add_stuck() noexcept { stuck_.fetch_add(1); }
    void remove_stuck() noexcept { stuck_.fetch_sub(1); }
    [[nodiscard]] int stuck() const noexcept { return stuck_.load(); }
    void end_if_only_stuck_are_left() noexcept;
    // No descriptors or memory for accept(): pause, resume() is due in a moment.
    void pause_until(std::int64_t time_us);
    void resume_if_due(std::int64_t now_us);

    [[nodiscard]] bool is_draining() const noexcept { return is_draining_.load(); }
    // Draining or suspended: connections end with the answer that is being written.
    [[nodiscard]] bool is_letting_go() const noexcept { return is_letting_go_.load(); }
    [[nodiscard]] bool is_finished() const noexcept { return is_finished_.load(); }
    [[nodiscard]] int open() const noexcept { return open_.load(); }
    // INT64_MAX while not draining.
    [[nodiscard]] std::int64_t drain_deadline_us() const noexcept { return drain_deadline_us_.load(); }
    [[nodiscard]] std::int64_t idle_deadline_us() const noexcept { return idle_deadline_us_.load(); }

private:
    void set_watching(bool is_watching);  // with mutex_ held
    void reconsider();

    Reactor& reactor_;
    const std::vector<int> listeners_;
    const int max_connections_;
    const std::int64_t drain_us_, idle_us_;

    std::mutex mutex_;
    bool is_watching_ = false;
    std::int64_t paused_until_us_ = 0;
    std::atomic<bool> is_promoted_{false};
    std::atomic<bool> is_paused_{false};
    std::atomic<bool> is_draining_{false};
    std::atomic<bool> is_letting_go_{false};
    std::atomic<bool> is_finished_{false};
    std::atomic<int> open_{0};
    std::atomic<int> stuck_{0};  // at most open_
    std::atomic<std::int64_t> drain_deadline_us_{INT64_MAX};
    std::atomic<std::int64_t> idle_deadline_us_{INT64_MAX};
};

}  // namespace vassal::worker
