// SPDX-License-Identifier: Apache-2.0
// Planned replacements, one at a time and replacement first; and how many workers there are.
#include <algorithm>
#include <cmath>

#include "vassal/master/worker_pool.h"

namespace vassal::master {

void WorkerPool::handle(const RecycleDue& event) {
    if (at(event.at).state == ProcessState::serving && !is_being_replaced(event.at)) plan(event.at.slot, event.reason);
}

void WorkerPool::handle(const RollRequested& event) {
    if (state_ != PoolState::serving) return;
    // Somebody asked for it and waits: a former failure's backoff is over.
    plan_retry_at_ = {};
    plan_failures_ = 0;
    ++roll_;
    is_rolling_ = true;
    is_roll_retried_ = event.is_retried;
    for (int number = 1; number <= wanted_; ++number) {
        slot(number).crashes = 0;
        slot(number).retry_at = {};
        // One that is just starting may have read the old code.
        if (is_staffed(number)) plan(number, event.reason);
    }
}

void WorkerPool::handle(const WorkersWanted& event) {
    if (state_ == PoolState::serving && !is_suspended_) wanted_ = std::clamp(event.count, least(), most());
}

void WorkerPool::handle(const Reconfigured& event) {
    if (state_ != PoolState::serving) return;
    const bool has_other_bounds = event.options.recycle != options_.recycle;
    options_ = event.options;
    // Slots that are too many stay empty: their processes may need a while to leave.
    if (most() > workers()) slots_.resize(static_cast<std::size_t>(most()));
    wanted_ = std::clamp(wanted_, least(), most());
    plan_retry_at_ = {};
    plan_failures_ = 0;
    for (Slot& each : slots_) {
        each.retry_at = {};
        each.crashes = 0;
    }
    if (!has_other_bounds) return;
    for (const Place place : places()) {
        draw_requests(at(place));
        if (at(place).state == ProcessState::serving) draw_age(at(place));
    }
}

// Bounds of its own, so that workers do not leave together.
void WorkerPool::draw_requests(Process& process) {
    const RecycleOptions& recycle = options_.recycle;
    process.request_bound = 0;
    if (recycle.max_requests > 0)
        process.request_bound = std::max<std::uint64_t>(
            1, static_cast<std::uint64_t>(std::llround(static_cast<double>(recycle.max_requests) * jitter(recycle.jitter))));
}

void WorkerPool::draw_age(Process& process) {
    const RecycleOptions& recycle = options_.recycle;
    process.age_at = TimePoint::max();
    if (recycle.max_age > Duration::zero())
        process.age_at =
            process.serving_since + std::chrono::duration_cast<Duration>(recycle.max_age * jitter(recycle.jitter));
}

void WorkerPool::report_rolled() {
    if (!is_rolling_) return;
    for (const Place place : places()) {
        const Process& process = at(place);
        const bool counts = process.state == ProcessState::starting || process.state == ProcessState::ready ||
                            process.state == ProcessState::serving;
        if (counts && process.roll < roll_) return;
    }
    is_rolling_ = false;
    command(ReportRolled{});
}

bool WorkerPool::is_being_replaced(Place place) const {
    return at({place.slot, 1 - place.lane}).state == ProcessState::starting;
}

void WorkerPool::plan(int number, const std::string& reason) {
    if (state_ != PoolState::serving || slot(number).planned) return;
    slot(number).planned = reason;
    queue_.push_back(number);
}

void WorkerPool::forget_plan(int number) {
    slot(number).planned.reset();
    std::erase(queue_, number);
}

// The replacement did not come up and the old process serves on. How long until the next try.
Duration WorkerPool::plan_failed(int number) {
    if (replacing_ == number) replacing_ = 0;
    if (!is_roll_retried_) {
        is_rolling_ = false;
        while (!queue_.empty()) forget_plan(queue_.front());
        return never;
    }
    const Duration retry = backoff(++plan_failures_);
    plan_retry_at_ = now_ + retry;
    if (!slot(number).planned) {
        slot(number).planned = replacing_reason_;
        queue_.push_front(number);
    }
    return retry;
}

void WorkerPool::settle_plans() {
    if (replacing_ != 0) {
        const bool is_done = std::ranges::count_if(slot(replacing_).lane, [](const Process& process) {
                                 return process.state != ProcessState::empty && process.state != ProcessState::serving;
                             }) == 0;
        if (!is_done) return;
        replacing_ = 0;
    }
    if (plan_retry_at_ > now_) return;
    for (const int number : queue_) {
        const int free = lane_with(number, ProcessState::empty);
        if (free < 0 || lane_with(number, ProcessState::serving) < 0) continue;
        replacing_ = number;
        replacing_reason_ = *slot(number).planned;
        return fork({number, free});
    }
}

// The highest slots go first, but not while one of the lower ones lacks its worker: the number that serves counts.
void WorkerPool::retire_unwanted() {
    const char* const reason = "not needed any more";
    auto serving = static_cast<int>(places(ProcessState::serving).size());
    for (int number = workers(); number > wanted_; --number) {
        forget_plan(number);
        slot(number).retry_at = {};
        slot(number).crashes = 0;
        for (int lane = 0; lane < lanes; ++lane) {
            const Place place{number, lane};
            Process& process = at(place);
            if (process.state == ProcessState::starting) {
                process.cause = Cause::planned;
                process.end_reason = reason;
                kill(place);
            } else if (process.state == ProcessState::serving && serving > wanted_) {
                drain(place, Cause::planned, reason, options_.patience);
                --serving;
            }
        }
    }
}

}  // namespace vassal::master
