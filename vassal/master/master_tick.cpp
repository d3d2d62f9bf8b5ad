// SPDX-License-Identifier: Apache-2.0
// What the master looks at in the scoreboard: requests that run for too long, workers that served enough, and whether
// there are too few or too many of them. Law: an idle generation is not looked at.
#include <algorithm>
#include <cstdio>

#include "common/net/backlog.h"
#include "vassal/link/signals.h"
#include "vassal/master/master_impl.h"
#include "vassal/master/memory_look.h"
#include "vassal/master/request_watch.h"

namespace vassal::master {

namespace {

using boost::system::error_code;
using common::Clock;

// Memory grows slowly, and a look costs three system calls for each worker.
constexpr Duration memory_look_interval = std::chrono::seconds(1);

std::uint64_t monotonic_us() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count());
}

}  // namespace

bool Master::Impl::tick() {
    drain_access_logs();
    if (!pool_) return false;
    bool is_waiting_for_lock = false;
    if (pool_->state() == PoolState::serving) {
        recycle_where_due();
        scale();
        sample_slow_requests();
        is_waiting_for_lock = look_at_lock_waits();
    }
    // The beginning of a request is announced, its end is not.
    return is_waiting_for_lock || busy_threads() > 0;
}

int Master::Impl::busy_threads() {
    int busy = 0;
    for (const Place place : pool_->places()) {
        const auto& board = board_slot(place);
        const auto threads = std::min<std::size_t>(board.threads.load(), common::scoreboard::max_threads);
        for (std::size_t i = 0; i < threads; ++i)
            if (board.thread[i].request_started_us.load(std::memory_order_relaxed) != 0) ++busy;
    }
    return busy;
}

void Master::Impl::recycle_where_due() {
    const auto& recycle = generation_->config.recycle;
    const bool looks_at_memory = recycle.max_rss > 0 && Clock::now() >= next_memory_look_;
    if (recycle.max_requests == 0 && !looks_at_memory) return;
    if (looks_at_memory) next_memory_look_ = Clock::now() + memory_look_interval;
    for (const Place place : pool_->places(ProcessState::serving)) {
        const std::uint64_t served = common::scoreboard::requests_served(board_slot(place));
        if (const std::uint64_t bound = pool_->request_bound(place); bound > 0 && served >= bound) {
            post(RecycleDue{place, "recycled: " + std::to_string(served) + " requests"});
        } else if (looks_at_memory) {
            const std::uint64_t resident = resident_bytes(seat(place).process.pid);
            if (resident > recycle.max_rss) post(RecycleDue{place, "recycled: " + memory_text(resident) + " resident"});
        }
    }
}

void Master::Impl::scale() {
    if (!scaling_ || pool_->is_suspended()) return;
    Load load;
    load.busy = busy_threads();
    load.serving = static_cast<int>(pool_->places(ProcessState::serving).size());
    load.coming = std::max(0, pool_->wanted() - load.serving);
    for (const Listener& listener : generation_->listeners)
        if (const auto backlog = common::net::backlog_of(listener.fd.get())) load.waiting += backlog->waiting;
    const int wanted = scaling_->on(load, Clock::now());
    if (wanted != pool_->wanted()) post(WorkersWanted{wanted});
    // Surplus workers leave after a while of rest, when no request wakes us.
    if (scaling_timer_.expiry() == scaling_->deadline()) return;
    scaling_timer_.expires_at(scaling_->deadline());
    scaling_timer_.async_wait([this](error_code error) {
        if (!error && pool_->state() == PoolState::serving) scale();
    });
}

std::vector<WatchedWorker> Master::Impl::watched_workers() {
    std::vector<WatchedWorker> workers;
    for (const Place place : pool_->places()) {
        const ProcessState state = pool_->process_state(place);
        if (state == ProcessState::serving || state == ProcessState::draining)
            workers.push_back({place, &board_slot(place), pool_->judged(place)});
    }
    return workers;
}

// Workers that were forked before `threads` was edited have as many as it said then.
int Master::Impl::watched_threads() {
    int threads = generation_->config.threads;
    for (const Place place : pool_->places()) threads = std::max(threads, seat(place).threads);
    return threads;
}

void Master::Impl::watch_slow_requests() {
    slow_watch_.reset();
    if (const auto slow = generation_->config.log.slow; slow.count() > 0)
        slow_watch_.emplace(static_cast<std::uint64_t>(std::chrono::microseconds(slow).count()));
}

void Master::Impl::sample_slow_requests() {
    if (!slow_watch_) return;
    const std::uint64_t now = monotonic_us();
    for (const SlowRequest& slow : slow_watch_->look(watched_workers(), watched_threads(), now))
        signal_thread(slow.at, slow.thread, link::slow_request_signal(), slow.sequence);
    if (const std::uint64_t left_out = slow_watch_->take_left_out(now); left_out > 0)
        log_->say(std::to_string(left_out) + " more slow requests in a second are not shown");
}

// 0: requests may take as long as they like.
std::uint64_t Master::Impl::request_timeout_us() const {
    const Duration timeout = generation_->config.timeouts.request;
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(timeout).count());
}

void Master::Impl::look_at_requests_now() {
    const std::uint64_t timeout = request_timeout_us();
    if (timeout == 0) return;  // switched off meanwhile
    const WatchResult seen = look_at_requests(watched_workers(), watched_threads(), monotonic_us(), timeout);
    for (const ReturnedRequest& returned : seen.returned) post(RequestReturned{returned.at, returned.thread});
    for (const OverdueRequest& overdue : seen.overdue) {
        const std::string reason = timeout_text(overdue);
        log_->say(reason + " (worker " + std::to_string(overdue.at.slot) + ", pid " +
                      std::to_string(seat(overdue.at).process.pid) + ")",
                  overdue.at.slot);
        post(RequestTimedOut{overdue.at, overdue.thread, overdue.sequence, reason});
    }
    if (busy_threads() > 0)
        look_for_oom_kills();  // who works may need memory
    else if (activity_watch_->rest())
        return;
    watch_requests(seen.next_look_us);
}

// A request began, the first one for a while.
void Master::Impl::watch_requests_from_now() {
    const std::uint64_t timeout = request_timeout_us();
    if (timeout > 0 && pool_ && pool_->state() != PoolState::finished) watch_requests(monotonic_us() + timeout);
}

void Master::Impl::watch_requests(std::uint64_t at_us) {
    watch_timer_.expires_at(TimePoint(std::chrono::microseconds(at_us)) + std::chrono::milliseconds(1));
    watch_timer_.async_wait([this](error_code error) {
        if (!error && pool_->state() != PoolState::finished) look_at_requests_now();
    });
}

}  // namespace vassal::master
