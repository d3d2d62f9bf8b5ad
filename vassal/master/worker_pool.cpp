// SPDX-License-Identifier: Apache-2.0
// The pool as a whole: start, promotion, stop, deadlines.
#include "vassal/master/worker_pool.h"

#include <algorithm>
#include <utility>

namespace vassal::master {

WorkerPool::WorkerPool(const PoolOptions& options)
    : options_(options),
      slots_(static_cast<std::size_t>(most())),
      wanted_(least()),
      random_(options.jitter_seed) {}

PoolCommands WorkerPool::on(const PoolEvent& event, TimePoint now) {
    now_ = now;
    commands_.clear();
    std::visit([this](const auto& e) { handle(e); }, event);
    settle();
    return std::exchange(commands_, {});
}

TimePoint WorkerPool::deadline() const noexcept {
    TimePoint next = deadline_;
    for (const Slot& each : slots_)
        for (const Process& process : each.lane) next = std::min({next, process.deadline, process.age_at});
    if (state_ != PoolState::serving) return next;
    for (int number = 1; number <= wanted_; ++number)
        if (!is_staffed(number) && slot(number).retry_at > now_) next = std::min(next, slot(number).retry_at);
    if (replacing_ == 0 && !queue_.empty() && plan_retry_at_ > now_) next = std::min(next, plan_retry_at_);
    return next;
}

bool WorkerPool::is_in_backoff(int number) const {
    return state_ == PoolState::serving && number <= wanted_ && !is_staffed(number) && slot(number).retry_at > now_;
}

void WorkerPool::handle(const Begin& event) {
    if (state_ != PoolState::idle) return;
    state_ = PoolState::starting;
    deadline_ = event.deadline.value_or(TimePoint::max());
    for (int number = 1; number <= wanted_; ++number) fork({number, 0});
}

void WorkerPool::handle(const PromoteRequested&) {
    if (state_ != PoolState::ready) return;
    state_ = PoolState::serving;
    for (const Place place : places()) serve(place);
    command(ReportPromoted{});
}

void WorkerPool::handle(const SuspendRequested&) {
    if (state_ != PoolState::serving || std::exchange(is_suspended_, true)) return;
    for (const Place place : places(ProcessState::serving)) command(SendSuspend{place});
}

void WorkerPool::handle(const ResumeRequested&) {
    if (state_ != PoolState::serving || !std::exchange(is_suspended_, false)) return;
    for (const Place place : places(ProcessState::serving)) command(SendPromote{place});
    command(ReportResumed{});
}

void WorkerPool::handle(const StopRequested& event) {
    if (state_ == PoolState::finished) return;
    if (state_ == PoolState::stopping) {
        if (event.graceful) return;
        // Somebody who asks a second time does not want to wait for `kill`.
        return is_ending_ ? kill_all() : stop_all();
    }
    state_ = PoolState::stopping;
    queue_.clear();
    for (const Place place : places()) {
        Process& process = at(place);
        process.age_at = TimePoint::max();
        if (process.state == ProcessState::starting) {
            // It has accepted nothing yet.
            kill(place);
        } else if (event.graceful && (process.state == ProcessState::ready || process.state == ProcessState::serving)) {
            process.state = ProcessState::draining;
            command(SendDrain{place, options_.drain});
        }
    }
    if (event.graceful)
        deadline_ = now_ + options_.drain;
    else
        stop_all();
    finish_when_empty();
}

void WorkerPool::handle(const TimePassed&) {
    for (const Place place : places()) {
        if (at(place).deadline <= now_) process_deadline(place);
        if (at(place).age_at > now_) continue;
        at(place).age_at = TimePoint::max();
        if (is_being_replaced(place)) continue;
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(now_ - at(place).serving_since).count();
        plan(place.slot, "recycled: " + std::to_string(age) + " s old");
    }
    if (deadline_ > now_) return;
    deadline_ = TimePoint::max();
    if (state_ == PoolState::starting) fail_start(too_late());
    else if (state_ == PoolState::stopping) is_ending_ ? kill_all() : stop_all();
}

void WorkerPool::fail_start(StartFailure failure) {
    state_ = PoolState::stopping;
    exit_code_ = 1;
    command(ReportFailed{std::move(failure)});
    is_ending_ = true;
    kill_all();
    finish_when_empty();
}

// timeouts.start is over: somebody is not ready, and the health check may know why.
StartFailure WorkerPool::too_late() const {
    for (const Place place : places()) {
        const Process& process = at(place);
        if (process.state != ProcessState::starting || !process.probe) continue;
        std::string reason = "the health check did not pass within timeouts.start";
        if (!process.probe->empty()) reason += ": " + *process.probe;
        return {"health", std::move(reason), ""};
    }
    return {"timeout", "the app was not ready within timeouts.start", ""};
}

// Everything that lives is told to go now; SIGKILL follows.
void WorkerPool::stop_all() {
    is_ending_ = true;
    for (const Place place : places()) {
        if (at(place).state == ProcessState::ending) continue;
        at(place).state = ProcessState::ending;
        at(place).deadline = TimePoint::max();  // the pool's own counts now
        command(SendStop{place});
    }
    deadline_ = now_ + options_.kill;
}

void WorkerPool::kill_all() {
    for (const Place place : places()) kill(place);
    // A killed process always ends, but one in an uninterruptible wait does so later: ask again.
    deadline_ = now_ + abort_grace;
}

void WorkerPool::finish_when_empty() {
    if (state_ != PoolState::stopping || !places().empty()) return;
    state_ = PoolState::finished;
    deadline_ = TimePoint::max();
    command(Finished{exit_code_});
}

// Level-triggered: whatever the event was, afterwards each wanted slot is staffed where it may and can be.
void WorkerPool::settle() {
    if (state_ != PoolState::serving) return;
    retire_unwanted();
    for (int number = 1; number <= wanted_; ++number) {
        if (is_staffed(number) || slot(number).retry_at > now_) continue;
        if (const int free = lane_with(number, ProcessState::empty); free >= 0)
            fork({number, free});
        else
            make_room(number);
    }
    settle_plans();
    report_rolled();
}

void WorkerPool::report_serving(bool is_serving, const std::string& reason, Duration retry) {
    // Not being able to serve goes on, for another reason perhaps: what ended the workers was mended and now the import fails.
    if (is_serving == is_serving_ && (is_serving || reason == not_serving_reason_)) return;
    is_serving_ = is_serving;
    not_serving_reason_ = reason;
    command(ReportServing{is_serving, reason, retry});
}

std::vector<Place> WorkerPool::places() const {
    std::vector<Place> all;
    for (int number = 1; number <= workers(); ++number)
        for (int lane = 0; lane < lanes; ++lane)
            if (at({number, lane}).state != ProcessState::empty) all.push_back({number, lane});
    return all;
}

std::vector<Place> WorkerPool::places(ProcessState state) const {
    std::vector<Place> found = places();
    std::erase_if(found, [&](const Place place) { return at(place).state != state; });
    return found;
}

std::optional<TimePoint> WorkerPool::next_start() const {
    std::optional<TimePoint> next;
    for (int number = 1; number <= wanted_; ++number) {
        if (is_staffed(number)) return std::nullopt;
        if (!next || slot(number).retry_at < *next) next = slot(number).retry_at;
    }
    return next;
}

int WorkerPool::lane_with(int number, ProcessState state) const {
    for (int lane = 0; lane < lanes; ++lane)
        if (at({number, lane}).state == state) return lane;
    return -1;
}

bool WorkerPool::is_staffed(int number) const {
    return std::ranges::any_of(slot(number).lane, [](const Process& process) {
        return process.state == ProcessState::starting || process.state == ProcessState::ready ||
               process.state == ProcessState::serving;
    });
}

// At once the first time, then initial doubling to max, each with up to a fifth more or less.
Duration WorkerPool::backoff(unsigned failures) {
    if (failures == 0) return Duration::zero();
    Duration delay = std::max<Duration>(options_.backoff_initial, std::chrono::milliseconds(10));
    for (unsigned i = 1; i < failures && delay < options_.backoff_max; ++i) delay *= 2;
    delay = std::min(delay, std::max<Duration>(options_.backoff_max, std::chrono::milliseconds(10)));
    std::uniform_real_distribution<double> spread(0.8, 1.2);
    return std::chrono::duration_cast<Duration>(delay * spread(random_));
}

double WorkerPool::jitter(int percent) {
    std::uniform_real_distribution<double> less(0.0, std::clamp(percent, 0, 100) / 100.0);
    return 1.0 - less(random_);
}

}  // namespace vassal::master
