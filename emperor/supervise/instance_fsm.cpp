// SPDX-License-Identifier: Apache-2.0
#include "emperor/supervise/instance_fsm.h"

#include <algorithm>

namespace emperor::supervise {

using State = InstanceState;

namespace {

// A SIGKILL is repeated no faster than this, whatever the configuration says.
constexpr Duration least_kill_delay = std::chrono::milliseconds(100);

bool was_never_serving(State state) { return state == State::spawning || state == State::starting; }

}  // namespace

std::string_view name_of(State state) noexcept {
    switch (state) {
        case State::spawning: return "spawning";
        case State::starting: return "starting";
        case State::probing: return "probing";
        case State::serving: return "serving";
        case State::draining: return "draining";
        case State::killing: return "killing";
        case State::gone: return "gone";
    }
    return "unknown";
}

InstanceFsm::InstanceFsm(Generation generation, const Spec& spec, TimePoint now, Commands& commands)
    : InstanceFsm(generation, spec) {
    state_ = State::spawning;
    is_spawned_ = false;
    if (start_timeout_ > Duration::zero()) arm(start_timeout_, now, commands);  // zero: switched off
}

InstanceFsm::InstanceFsm(Generation generation, const Spec& spec) noexcept
    : generation_(generation), state_(State::serving), is_spawned_(true) {
    use(spec);
}

void InstanceFsm::use(const Spec& spec) noexcept {
    start_timeout_ = spec.start_timeout;
    drain_timeout_ = std::max(spec.drain_timeout, Duration::zero());
    kill_timeout_ = std::max(spec.kill_timeout, least_kill_delay);
}

void InstanceFsm::on(InstanceEvent event, TimePoint now, Commands& commands, std::string_view reason) {
    if (state_ == State::gone) return;
    switch (event) {
        case InstanceEvent::spawned: on_spawned(commands); break;
        case InstanceEvent::spawn_failed:
            if (!is_spawned_) end(State::gone, Duration::zero(), now, commands);
            break;
        case InstanceEvent::ready:
            if (state_ != State::starting) break;
            state_ = State::probing;
            commands.push_back(SendPromote{generation_});
            break;
        case InstanceEvent::promoted:
            if (state_ != State::probing) break;
            state_ = State::serving;
            disarm(commands);
            break;
        case InstanceEvent::failed:
            if (!is_spawned_ || is_ending()) break;
            end(State::draining, kill_timeout_, now, commands);
            break;
        case InstanceEvent::stop_graceful: on_stop(StopMode::graceful, now, commands, reason); break;
        case InstanceEvent::stop_fast: on_stop(StopMode::fast, now, commands, reason); break;
        case InstanceEvent::exited: end(State::gone, Duration::zero(), now, commands); break;
        case InstanceEvent::deadline: on_deadline(now, commands); break;
        case InstanceEvent::asked:
            if (state_ == State::serving) arm(answer_patience, now, commands);
            break;
        case InstanceEvent::answered:
            if (state_ == State::serving) disarm(commands);
            break;
    }
}

void InstanceFsm::on_spawned(Commands& commands) {
    if (is_spawned_) return;
    is_spawned_ = true;
    if (state_ == State::spawning) state_ = State::starting;
    if (state_ == State::draining && stop_) commands.push_back(SendStop{generation_, *stop_, stop_reason_});
    if (state_ == State::killing) commands.push_back(Kill{generation_});
}

void InstanceFsm::on_stop(StopMode mode, TimePoint now, Commands& commands, std::string_view reason) {
    if (state_ == State::killing) return;
    const bool is_repeated = state_ == State::draining;
    // Ending in a hurry already: by an earlier fast stop, or because the master gave up.
    if (is_repeated && (mode == StopMode::graceful || stop_ != StopMode::graceful)) return;
    if (was_never_serving(state_)) mode = StopMode::fast;
    const Duration patience = mode == StopMode::fast ? kill_timeout_ : drain_timeout_ + kill_timeout_;
    const std::optional<TimePoint> before = deadline_;
    stop_ = mode;
    stop_reason_ = reason;
    if (is_spawned_) commands.push_back(SendStop{generation_, mode, stop_reason_});
    if (is_repeated && before && *before <= now + patience) return;  // hurrying never prolongs
    end(State::draining, patience, now, commands);
}

void InstanceFsm::on_deadline(TimePoint now, Commands& commands) {
    if (!deadline_) return;
    if (now < *deadline_) {  // fired for an earlier ArmTimer, or too early: never lose the later one
        commands.push_back(ArmTimer{generation_, *deadline_});
        return;
    }
    if (state_ == State::serving) return disarm(commands);  // an answer that did not come: see the header
    // Without a process (the spawn itself hangs) the shell has nothing to kill yet; it hears it again once there is.
    commands.push_back(Kill{generation_});
    end(State::killing, kill_timeout_, now, commands);
}

void InstanceFsm::end(State next, Duration patience, TimePoint now, Commands& commands) {
    state_ = next;
    if (next == State::gone)
        disarm(commands);
    else
        arm(patience, now, commands);
}

void InstanceFsm::arm(Duration delay, TimePoint now, Commands& commands) {
    deadline_ = now + delay;
    commands.push_back(ArmTimer{generation_, *deadline_});
}

void InstanceFsm::disarm(Commands& commands) {
    if (deadline_) commands.push_back(DisarmTimer{generation_});
    deadline_.reset();
}

}  // namespace emperor::supervise
