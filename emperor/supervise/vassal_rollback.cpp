// SPDX-License-Identifier: Apache-2.0
// A promoted generation that is observed, and the way back from it.
#include <utility>

#include "emperor/supervise/error_bound.h"
#include "emperor/supervise/vassal_fsm.h"

namespace emperor::supervise {

// ---- observation ---------------------------------------------------------------------------------------------------

bool VassalFsm::is_to_be_observed(const Instance& successor, const Instance& old) const {
    // One that is overtaken is replaced in a moment. What an operator went back to is what one would go back to.
    if (successor.wish != wish_ || successor.spec == pinned_) return false;
    // One that is being changed in place runs neither its old Spec nor its new one: nobody could say what one is back at.
    const bool can_come_back = old.is_serving && old.fsm.state() == InstanceState::serving && !old.reconfiguring;
    return successor.spec->observe > Duration::zero() && can_come_back;
}

void VassalFsm::observe(Instance& standby, Duration duration, TimePoint now) {
    standby.role = Role::standby;
    observed_until_ = now + duration;
    commands_.push_back(SendSuspend{standby.generation});
}

void VassalFsm::end_observation(const std::string& reason, TimePoint now) {
    observed_until_.reset();
    Instance* standby = with_role(Role::standby);
    if (!standby) return;
    if (const Instance* active = with_role(Role::active)) report(Report::Kind::observed, active->generation, reason);
    retire(*standby, StopMode::graceful, false, reason, now);
}

void VassalFsm::standby_lost(Instance& standby, const std::string& reason) {
    standby.role = Role::retiring;
    observed_until_.reset();
    report(Report::Kind::standby_lost, standby.generation, reason);
}

void VassalFsm::handle(const Observed& event, TimePoint now) {
    Instance* active = find(event.generation);
    const Instance* standby = with_role(Role::standby);
    if (!active || active->role != Role::active || !standby || !standby->is_serving) return;
    const ErrorBound bound(active->spec->max_error_rate);
    if (!bound.is_exceeded(event.requests, event.errors)) return;
    const std::string reason = bound.text(event.requests, event.errors);
    roll_back(*active, reason, Failure{.step = "observe", .reason = reason, .detail = {}}, now);
}

// ---- the way back --------------------------------------------------------------------------------------------------

void VassalFsm::roll_back(Instance& from, const std::string& reason, std::optional<Failure> failure, TimePoint now) {
    Instance& standby = *with_role(Role::standby);
    const std::string text = "generation " + std::to_string(from.generation) + ": " + reason;
    observed_until_.reset();
    commands_.push_back(SendResume{standby.generation});
    if (from.fsm.is_live()) retire(from, StopMode::graceful, false, "rolled back: " + reason, now);
    standby.role = Role::active;
    proven_ = standby.spec;
    pin(standby.spec, failure ? text : reason);
    standby.wish = wish_;
    cause_ = {"rolled back: " + reason};
    last_reload_ = failure ? "failed: " + reason : "rolled back " + reason;
    last_reload_failure_ = std::move(failure);
    count_serving(now);
    commands_.push_back(Activated{standby.generation, standby.spec});
    report(Report::Kind::rolled_back, standby.generation, failure ? text : reason);
}

void VassalFsm::roll_back_for(const OperatorRequest& event, TimePoint now) {
    const std::string reason = "by " + event.cause.text.substr(0, event.cause.text.rfind(": "));
    Instance* active = with_role(Role::active);
    if (active && with_role(Role::standby)) {
        roll_back(*active, reason, {}, now);
        fulfil(event.ticket);
    } else if (pinned_) {
        return;  // under way already: both wait for its outcome
    } else if (is_being_replaced()) {
        // A change in place that is under way goes on: then that is what runs.
        pin(active->reconfiguring ? active->reconfiguring->spec : active->spec, reason);
        active->wish = wish_;  // what was to replace it is overtaken
        cause_ = event.cause;
        report(Report::Kind::rolled_back, active->generation, reason);
        fulfil(event.ticket);
    } else {
        pin(event.last_good, reason);
        cause_ = event.cause;
    }
}

bool VassalFsm::is_being_replaced() const {
    const Instance* active = with_role(Role::active);
    return active && !active->fsm.is_ending() && (with_role(Role::successor) || is_start_due());
}

void VassalFsm::pin(SpecPtr spec, std::string reason) {
    ++wish_;
    pinned_ = std::move(spec);
    rolled_back_ = std::move(reason);
}

void VassalFsm::unpin() {
    pinned_.reset();
    rolled_back_.clear();
}

void VassalFsm::handle(const RollbackAdopted& event, TimePoint) {
    is_removed_ = false;
    is_forgotten_ = false;
    invalid_.clear();
    desired_ = event.desired;
    pin(event.pinned, event.reason);
    cause_ = {"rolled back " + event.reason};
    Instance* active = with_role(Role::active);
    if (active && active->spec->id == event.pinned->id) active->wish = wish_;
}

}  // namespace emperor::supervise
