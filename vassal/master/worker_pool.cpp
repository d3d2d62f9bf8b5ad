// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/worker_pool.h"

#include <algorithm>
#include <utility>

namespace vassal::master {

WorkerPool::WorkerPool(const PoolOptions& options)
    : options_(options), slots_(static_cast<std::size_t>(std::max(options.workers, 1))), random_(options.jitter_seed) {}

PoolCommands WorkerPool::on(const PoolEvent& event, TimePoint now) {
    now_ = now;
    commands_.clear();
    std::visit([this](const auto& e) { handle(e); }, event);
    return std::exchange(commands_, {});
}

void WorkerPool::handle(const Begin& event) {
    if (state_ != PoolState::idle) return;
    state_ = PoolState::starting;
    if (event.deadline) command(ArmTimer{0, *event.deadline});
    for (int slot = 1; slot <= workers(); ++slot) fork(slot);
}

void WorkerPool::handle(const WorkerForked& event) {
    if (at(event.slot).is_replacement && at(event.slot).state == SlotState::starting)
        command(ReportStarted{event.slot, event.pid});
}

void WorkerPool::handle(const WorkerReady& event) {
    Slot& slot = at(event.slot);
    if (slot.state != SlotState::starting) return;
    slot.state = SlotState::ready;
    if (state_ == PoolState::serving) {
        command(DisarmTimer{event.slot});
        return serve(event.slot);
    }
    const bool all = std::ranges::all_of(slots_, [](const Slot& s) { return s.state == SlotState::ready; });
    if (state_ != PoolState::starting || !all) return;
    state_ = PoolState::ready;
    command(DisarmTimer{0});
    command(ReportReady{});
}

void WorkerPool::handle(const WorkerFailed& event) {
    Slot& slot = at(event.slot);
    if (slot.state != SlotState::starting) return;
    slot.failure = event.failure;
    // The first failure decides; the worker's exit may take a moment (exit handlers).
    if (state_ == PoolState::starting) fail_start(event.failure);
}

void WorkerPool::handle(const WorkerExited& event) {
    Slot& slot = at(event.slot);
    if (slot.state == SlotState::empty || slot.state == SlotState::backoff) return;
    switch (state_) {
        case PoolState::idle:
        case PoolState::finished: return;
        case PoolState::starting:
        case PoolState::ready: {
            const StartFailure failure = slot.failure.value_or(StartFailure{
                "exit", "worker " + std::to_string(event.slot) + " ended: " + reason_of(slot, event.status), ""});
            slot = Slot{};
            return fail_start(failure);
        }
        case PoolState::serving: return replace(event.slot, event.status);
        case PoolState::stopping: {
            const bool was_told = slot.state == SlotState::draining || slot.state == SlotState::ending;
            command(ReportExited{
                event.slot, event.status, reason_of(slot, event.status), was_told, !slot.timeout_reason.empty(), {}});
            slot = Slot{};
            return finish_when_empty();
        }
    }
}

void WorkerPool::handle(const PromoteRequested&) {
    if (state_ != PoolState::ready) return;
    state_ = PoolState::serving;
    for (int slot = 1; slot <= workers(); ++slot) serve(slot);
    command(ReportPromoted{});
}

void WorkerPool::handle(const StopRequested& event) {
    if (state_ == PoolState::finished) return;
    if (state_ == PoolState::stopping) {
        if (event.graceful) return;
        // Somebody who asks a second time does not want to wait for `kill`.
        return is_ending_ ? kill_all() : stop_all();
    }
    state_ = PoolState::stopping;
    for (int slot = 1; slot <= workers(); ++slot) {
        Slot& s = at(slot);
        if (s.state == SlotState::starting) {
            // It has accepted nothing yet.
            s.state = SlotState::ending;
            command(Kill{slot});
        } else if (s.state == SlotState::backoff) {
            s = Slot{};
            command(DisarmTimer{slot});
        } else if (event.graceful && (s.state == SlotState::ready || s.state == SlotState::serving)) {
            s.state = SlotState::draining;
            command(SendDrain{slot});
        }
    }
    if (event.graceful)
        command(ArmTimer{0, now_ + options_.drain});
    else
        stop_all();
    finish_when_empty();
}

void WorkerPool::handle(const RequestTimedOut& event) {
    Slot& slot = at(event.slot);
    if (slot.state != SlotState::serving && slot.state != SlotState::draining) return;
    slot.state = SlotState::ending;
    slot.timeout_reason = event.reason;
    command(Abort{event.slot});
    command(ArmTimer{event.slot, now_ + abort_grace});
}

void WorkerPool::handle(const LinkLost& event) {
    Slot& slot = at(event.slot);
    if (slot.state == SlotState::empty || slot.state == SlotState::backoff || slot.state == SlotState::ending) return;
    // Nobody can tell it anything any more. Mostly its exit is on the way; the timer is for the other case.
    slot.is_link_lost = true;
    command(ArmTimer{event.slot, now_ + options_.kill});
}

void WorkerPool::handle(const TimerFired& event) {
    if (event.slot != 0) {
        Slot& slot = at(event.slot);
        if (slot.state == SlotState::backoff && state_ == PoolState::serving) return fork(event.slot);
        if (slot.is_link_lost) {
            slot.end_reason = "closed its link to the master";
            slot.state = SlotState::ending;
        } else if (slot.state == SlotState::starting) {
            slot.end_reason = "not ready within timeouts.start";
            slot.state = SlotState::ending;
        }
        if (slot.state != SlotState::ending) return;
        command(Kill{event.slot});
        command(ArmTimer{event.slot, now_ + abort_grace});
        return;
    }
    if (state_ == PoolState::starting)
        return fail_start({"timeout", "the app was not ready within timeouts.start", ""});
    if (state_ != PoolState::stopping) return;
    if (is_ending_)
        kill_all();
    else
        stop_all();
}

void WorkerPool::fork(int slot) {
    Slot& s = at(slot);
    s.state = SlotState::starting;
    s.is_replacement = state_ == PoolState::serving;
    s.failure.reset();
    s.timeout_reason.clear();
    s.end_reason.clear();
    s.is_link_lost = false;
    command(Fork{slot});
    if (s.is_replacement && options_.start > Duration::zero()) command(ArmTimer{slot, now_ + options_.start});
}

void WorkerPool::serve(int slot) {
    at(slot).state = SlotState::serving;
    at(slot).serving_since = now_;
    command(SendPromote{slot});
    report_serving();
}

void WorkerPool::replace(int slot, const ExitStatus& status) {
    Slot& s = at(slot);
    const std::string reason = reason_of(s, status);
    const bool is_timeout = !s.timeout_reason.empty();
    const bool has_served = s.serving_since != TimePoint{};
    if (has_served && now_ - s.serving_since >= options_.stable) s.crashes = 0;
    s.serving_since = {};
    Duration retry{};
    if (!is_timeout) retry = backoff(s.crashes++);
    last_reason_ = reason;
    command(DisarmTimer{slot});
    command(ReportExited{slot, status, reason, false, is_timeout, retry});
    if (retry == Duration::zero()) return fork(slot);
    s.state = SlotState::backoff;
    command(ArmTimer{slot, now_ + retry});
    if (is_serving_ && std::ranges::all_of(slots_, [](const Slot& x) { return x.state == SlotState::backoff; })) {
        is_serving_ = false;
        command(ReportServing{false, reason, retry});
    }
}

void WorkerPool::report_serving() {
    if (std::exchange(is_serving_, true)) return;
    command(ReportServing{true, "", {}});
}

void WorkerPool::fail_start(StartFailure failure) {
    state_ = PoolState::stopping;
    exit_code_ = 1;
    command(ReportFailed{std::move(failure)});
    is_ending_ = true;
    kill_all();
    finish_when_empty();
}

// Everything that lives is told to go now; SIGKILL follows.
void WorkerPool::stop_all() {
    is_ending_ = true;
    for (int slot = 1; slot <= workers(); ++slot) {
        Slot& s = at(slot);
        if (s.state == SlotState::ready || s.state == SlotState::serving || s.state == SlotState::draining) {
            s.state = SlotState::ending;
            command(SendStop{slot});
        }
    }
    command(ArmTimer{0, now_ + options_.kill});
}

void WorkerPool::kill_all() {
    for (int slot = 1; slot <= workers(); ++slot) {
        Slot& s = at(slot);
        if (s.state == SlotState::empty || s.state == SlotState::backoff) continue;
        s.state = SlotState::ending;
        command(Kill{slot});
    }
    // A killed process always ends, but one in an uninterruptible wait does so later: ask again.
    command(ArmTimer{0, now_ + abort_grace});
}

void WorkerPool::finish_when_empty() {
    const bool is_empty = std::ranges::all_of(slots_, [](const Slot& s) { return s.state == SlotState::empty; });
    if (state_ != PoolState::stopping || !is_empty) return;
    state_ = PoolState::finished;
    command(DisarmTimer{0});
    command(Finished{exit_code_});
}

// At once the first time, then initial doubling to max, each with up to a fifth more or less.
Duration WorkerPool::backoff(unsigned crashes) {
    if (crashes == 0) return Duration::zero();
    Duration delay = std::max<Duration>(options_.backoff_initial, std::chrono::milliseconds(10));
    for (unsigned i = 1; i < crashes && delay < options_.backoff_max; ++i) delay *= 2;
    delay = std::min(delay, std::max<Duration>(options_.backoff_max, std::chrono::milliseconds(10)));
    std::uniform_real_distribution<double> jitter(0.8, 1.2);
    return std::chrono::duration_cast<Duration>(delay * jitter(random_));
}

std::string WorkerPool::reason_of(const Slot& slot, const ExitStatus& status) const {
    if (!slot.timeout_reason.empty()) return slot.timeout_reason;
    if (!slot.end_reason.empty()) return slot.end_reason;
    if (slot.failure) return slot.failure->step + ": " + slot.failure->reason;
    if (slot.state == SlotState::draining && status.is_success()) return "drained";
    return status.kind == ExitStatus::Kind::signaled ? "killed by " + status.text() : status.text();
}

}  // namespace vassal::master
