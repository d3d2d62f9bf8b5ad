// SPDX-License-Identifier: Apache-2.0
#include "emperor/supervise/hold_fsm.h"

#include <algorithm>
#include <utility>

namespace emperor::supervise {

HoldCommands HoldFsm::look(const HoldView& view, TimePoint now) {
    learn(view, now);
    return step(now);
}

HoldCommands HoldFsm::exited(TimePoint now) {
    if (state_ == State::answering) not_before_ = now + pause;
    state_ = State::calm;
    kill_at_.reset();
    return step(now);
}

HoldCommands HoldFsm::timer_fired(TimePoint now) {
    armed_.reset();
    return step(now);
}

void HoldFsm::learn(const HoldView& view, TimePoint now) {
    const bool is_wanted_no_more = std::exchange(view_, view).is_wanted && !view.is_wanted;
    if (view.is_serving || is_wanted_no_more) former_since_.reset();
    if (!view.is_wanted || view.is_serving) {
        since_.reset();
        has_failed_ = false;
    } else {
        if (!since_ && (was_serving_ || view.is_failing)) since_ = std::min(now, former_since_.value_or(now));
        has_failed_ |= view.is_failing;
    }
    was_serving_ = view.is_wanted && view.is_serving;
}

bool HoldFsm::is_needed() const noexcept {
    const bool somebody_else_answers = view_.is_serving || view_.has_master || view_.is_promoting;
    return view_.is_wanted && has_failed_ && !somebody_else_answers && view_.hold > Duration{};
}

HoldCommands HoldFsm::step(TimePoint now) {
    HoldCommands commands;
    std::optional<TimePoint> wake;
    switch (state_) {
        case State::calm: {
            if (!is_needed() || !since_) break;
            const TimePoint due = std::max(*since_ + view_.hold, not_before_.value_or(now));
            if (now < due) {
                wake = due;
                break;
            }
            state_ = State::answering;
            commands.push_back(StartHold{});
            break;
        }
        case State::answering:
            if (is_needed()) break;
            state_ = State::ending;
            kill_at_ = now + (view_.is_wanted ? patience : patience_when_unwanted);
            wake = kill_at_;
            commands.push_back(EndHold{});
            break;
        case State::ending:
            if (!view_.is_wanted) kill_at_ = std::min(*kill_at_, now + patience_when_unwanted);
            if (*kill_at_ <= now) {
                kill_at_ = now + patience_when_unwanted;  // again, until its exit is seen
                commands.push_back(KillHold{});
            }
            wake = kill_at_;
            break;
    }
    if (wake != armed_) {
        armed_ = wake;
        commands.push_back(ArmHold{wake});
    }
    return commands;
}

}  // namespace emperor::supervise
