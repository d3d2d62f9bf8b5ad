// SPDX-License-Identifier: Apache-2.0
// One process of the pool: what it says, how it ends, and who takes its place.
#include <algorithm>
#include <utility>

#include "vassal/master/worker_pool.h"

namespace vassal::master {

void WorkerPool::handle(const WorkerForked& event) {
    const Process& process = at(event.at);
    if (process.is_reported && process.state == ProcessState::starting) command(ReportStarted{event.at, event.pid});
}

void WorkerPool::handle(const WorkerReady& event) {
    Process& process = at(event.at);
    if (process.state != ProcessState::starting) return;
    process.state = ProcessState::ready;
    if (state_ == PoolState::serving) return serve(event.at);
    const auto all = places();
    const bool are_ready =
        std::ranges::all_of(all, [this](const Place place) { return at(place).state == ProcessState::ready; });
    if (state_ != PoolState::starting || !are_ready) return;
    state_ = PoolState::ready;
    deadline_ = TimePoint::max();
    command(ReportReady{});
}

void WorkerPool::handle(const WorkerProbing& event) {
    Process& process = at(event.at);
    if (process.state == ProcessState::starting) process.probe = event.failure;
}

void WorkerPool::handle(const WorkerFailed& event) {
    Process& process = at(event.at);
    if (process.state != ProcessState::starting) return;
    process.failure = event.failure;
    // The first failure decides; the worker's exit may take a moment (exit handlers).
    if (state_ == PoolState::starting) fail_start(event.failure);
}

void WorkerPool::handle(const WorkerExited& event) {
    if (at(event.at).state == ProcessState::empty) return;
    const Process process = std::exchange(at(event.at), Process{});
    const std::string reason = reason_of(process, event.status);
    switch (state_) {
        case PoolState::idle:
        case PoolState::finished: return;
        case PoolState::starting:
        case PoolState::ready:
            return fail_start(process.failure.value_or(
                StartFailure{"exit", "worker " + std::to_string(event.at.slot) + " ended: " + reason, ""}));
        case PoolState::serving: return gone_while_serving(event.at, process, event.status);
        case PoolState::stopping: {
            const bool was_told = process.state == ProcessState::draining || process.state == ProcessState::ending;
            command(ReportExited{event.at, event.status, reason, was_told, process.cause == Cause::timeout, {}});
            return finish_when_empty();
        }
    }
}

void WorkerPool::gone_while_serving(Place place, const Process& process, const ExitStatus& status) {
    const std::string reason = reason_of(process, status);
    const bool is_timeout = process.cause == Cause::timeout;
    // One that we told to go and that crashed over it did not do as it was told.
    const bool is_expected =
        process.cause == Cause::planned && (status.is_success() || process.state == ProcessState::ending);
    const bool was_serving = process.serving_since != TimePoint{};
    const bool has_failed_plan = !was_serving && lane_with(place.slot, ProcessState::serving) >= 0;
    Duration retry{};
    const bool is_over = is_expected || is_timeout || process.state == ProcessState::draining;
    if (is_over)
        retry = Duration::zero();  // its replacement is under way, or nobody wants one
    else if (has_failed_plan)
        retry = plan_failed(place.slot);
    else
        retry = count_crash(place, process);
    command(ReportExited{place, status, reason, is_expected, is_timeout, retry});
    if (!is_over && has_failed_plan && is_rolling_) command(ReportRollStalled{reason, retry});
    bool is_any_staffed = false;
    for (int number = 1; number <= wanted_; ++number)
        is_any_staffed = is_any_staffed || is_staffed(number) || slot(number).retry_at <= now_;
    if (!is_any_staffed) report_serving(false, reason, retry);
}

// How long the slot waits for its next start.
Duration WorkerPool::count_crash(Place place, const Process& process) {
    Slot& crashed = slot(place.slot);
    const bool was_serving = process.serving_since != TimePoint{};
    if (was_serving && now_ - process.serving_since >= options_.stable) crashed.crashes = 0;
    const Duration retry = backoff(crashed.crashes++);
    if (is_staffed(place.slot)) return Duration::zero();  // a replacement was starting already
    crashed.retry_at = now_ + retry;
    return retry;
}

void WorkerPool::handle(const RequestTimedOut& event) {
    Process& process = at(event.at);
    if (process.state != ProcessState::serving && process.state != ProcessState::draining) return;
    const auto thread = static_cast<std::size_t>(event.thread);
    process.judged.resize(std::max(process.judged.size(), thread + 1));
    if (process.judged[thread] == event.sequence) return;
    process.judged[thread] = event.sequence;
    command(Interrupt{event.at, event.thread, event.sequence});
    const bool is_first = process.cause != Cause::timeout;
    if (is_first) {
        process.cause = Cause::timeout;
        process.end_reason = event.reason;
        process.deadline = std::min(process.deadline, now_ + options_.drain);
    }
    if (process.state == ProcessState::serving) {
        process.state = ProcessState::draining;
        process.age_at = TimePoint::max();
        command(SendDrain{event.at, options_.drain});
    }
    // When all its threads are stuck, nobody is left whom a drain could wait for.
    if (std::cmp_greater_equal(process.judged.size() - static_cast<std::size_t>(std::ranges::count(process.judged, 0u)),
                               process.threads))
        process.deadline = std::min(process.deadline, now_ + abort_grace);
}

// Its thread takes part in the drain again, and its next request has a time of its own.
void WorkerPool::handle(const RequestReturned& event) {
    const auto thread = static_cast<std::size_t>(event.thread);
    if (thread < at(event.at).judged.size()) at(event.at).judged[thread] = 0;
}

void WorkerPool::handle(const LinkLost& event) {
    Process& process = at(event.at);
    if (process.state == ProcessState::empty || process.state == ProcessState::ending) return;
    // Nobody can tell it anything any more. Mostly its exit is on the way; the deadline is for the other case.
    process.is_link_lost = true;
    process.deadline = std::min(process.deadline, now_ + link_grace);
}

void WorkerPool::process_deadline(Place place) {
    Process& process = at(place);
    process.deadline = TimePoint::max();
    const auto end = [&](const std::string& reason) {
        if (process.cause == Cause::none) process.end_reason = reason;
        if (process.cause == Cause::none) process.cause = Cause::fault;
        kill(place);
    };
    if (process.is_link_lost) return end("closed its link to the master");
    if (process.state == ProcessState::starting)
        return end(process.probe && !process.probe->empty() ? "not healthy within timeouts.start: " + *process.probe
                                                            : "not ready within timeouts.start");
    if (process.state == ProcessState::draining && process.cause == Cause::planned && !process.is_hurried) {
        process.state = ProcessState::ending;
        process.deadline = now_ + options_.kill;
        return command(SendStop{place});
    }
    // Whoever waits beside a stuck thread that holds the interpreter lock is answered before the end.
    const bool has_company = std::cmp_less(process.judged.size(), process.threads) || std::ranges::count(process.judged, 0u) > 0;
    if (process.state == ProcessState::draining && process.cause == Cause::timeout && has_company && !process.is_hurried)
        return hurry(place);
    if (process.state == ProcessState::draining || process.state == ProcessState::ending) kill(place);
}

// Whoever is in a request is answered now; a moment later it is killed.
void WorkerPool::hurry(Place place) {
    at(place).is_hurried = true;
    at(place).deadline = now_ + abort_grace;
    command(InterruptAll{place});
}

// Both lanes drain, so nobody serves in this slot: one of them has had time enough. Rather one whose request timed out
// than one that was to be replaced, and of two the older one.
void WorkerPool::make_room(int number) {
    int oldest = -1;
    for (int lane = 0; lane < lanes; ++lane) {
        const Process& process = at({number, lane});
        if (process.state != ProcessState::draining || process.is_hurried || process.is_link_lost) return;  // about to end
        const auto rank = [](const Process& p) { return std::pair(p.cause != Cause::timeout, p.serving_since); };
        if (oldest < 0 || rank(process) < rank(at({number, oldest}))) oldest = lane;
    }
    hurry({number, oldest});
}

void WorkerPool::fork(Place place) {
    Process& process = at(place);
    process = Process{};
    process.state = ProcessState::starting;
    process.is_reported = state_ == PoolState::serving;
    process.roll = roll_;
    process.threads = options_.threads;
    draw_requests(process);
    if (process.is_reported && options_.start > Duration::zero()) process.deadline = now_ + options_.start;
    slot(place.slot).retry_at = {};
    forget_plan(place.slot);  // this one is new
    command(Fork{place});
}

void WorkerPool::serve(Place place) {
    Process& process = at(place);
    process.state = ProcessState::serving;
    process.serving_since = now_;
    process.deadline = TimePoint::max();
    draw_age(process);
    if (!is_suspended_) command(SendPromote{place});
    report_serving(true, "", {});
    const Place other{place.slot, 1 - place.lane};
    if (at(other).state != ProcessState::serving) return;
    plan_failures_ = 0;
    drain(other, Cause::planned, replacing_reason_, options_.patience);
}

// Its replacement serves, or it is not wanted any more.
void WorkerPool::drain(Place place, Cause cause, const std::string& reason, Duration patience) {
    Process& process = at(place);
    process.state = ProcessState::draining;
    process.cause = cause;
    process.end_reason = reason;
    process.age_at = TimePoint::max();
    process.deadline = std::min(process.deadline, now_ + patience);
    command(SendDrain{place, patience});
}

void WorkerPool::kill(Place place) {
    at(place).state = ProcessState::ending;
    at(place).deadline = now_ + abort_grace;
    command(Kill{place});
}

std::string WorkerPool::reason_of(const Process& process, const ExitStatus& status) {
    const std::string how = status.how();
    switch (process.cause) {
        case Cause::timeout: return process.end_reason;
        case Cause::planned:
            return status.is_success() || process.state == ProcessState::ending ? process.end_reason
                                                                                : how + " (" + process.end_reason + ")";
        case Cause::fault: return status.kind == ExitStatus::Kind::exited ? how : process.end_reason;
        case Cause::none: break;
    }
    if (process.failure) return process.failure->step + ": " + process.failure->reason;
    if (process.state == ProcessState::draining && status.is_success()) return "drained";
    return how;
}

}  // namespace vassal::master
