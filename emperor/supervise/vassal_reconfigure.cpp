// SPDX-License-Identifier: Apache-2.0
// Edits that need no other generation: carried out in place, by the active instance.
#include <algorithm>

#include "emperor/supervise/vassal_fsm.h"

namespace emperor::supervise {

// Asked before the wish is replaced: does the active one run what was wanted so far, and nothing else is going on?
bool VassalFsm::can_reconfigure(Change change, const Spec& spec) const {
    if (change == Change::rollout || !spec.is_enabled || shutdown_ || is_held_ || is_rejected() || pinned_) return false;
    const Instance* active = with_role(Role::active);
    return !with_role(Role::successor) && active && active->wish == wish_ && active->is_serving &&
           active->fsm.state() == InstanceState::serving;
}

void VassalFsm::reconfigure(Change change, TimePoint now) {
    Instance& active = *with_role(Role::active);
    // What an unfinished one still had to do is done with this one.
    if (active.reconfiguring) change = std::max(change, active.reconfiguring->change);
    active.wish = wish_;
    active.reconfiguring = Reconfiguring{.spec = desired_, .change = change};
    active.fsm.on(InstanceEvent::asked, now, commands_);
    commands_.push_back(Reconfigure{active.generation, desired_, change});
}

void VassalFsm::handle(const InstanceReconfigured& event, TimePoint now) {
    using Outcome = InstanceReconfigured::Outcome;
    Instance* instance = find(event.generation);
    // An answer to a question that a newer one has replaced, or of one that is on its way out.
    if (!instance || !instance->reconfiguring || instance->reconfiguring->spec->id != event.spec) return;
    if (instance->role != Role::active) return;
    instance->fsm.on(InstanceEvent::answered, now, commands_);
    switch (event.outcome) {
        case Outcome::taken:
            instance->reconfiguring->is_taken = true;
            instance->fsm.use(*instance->reconfiguring->spec);
            return;
        case Outcome::applied: return reconfigured(*instance, now);
        case Outcome::stalled: return recycle_stalled(*instance, event.reason);
        case Outcome::refused: return cannot_reconfigure(*instance, event.reason, now);
    }
}

void VassalFsm::reconfigured(Instance& instance, TimePoint now) {
    const bool is_recycled = instance.reconfiguring->is_taken;
    instance.spec = instance.reconfiguring->spec;
    instance.reconfiguring.reset();
    instance.fsm.use(*instance.spec);
    proven_ = instance.spec;
    count_serving(now);
    last_reload_ = is_recycled ? "workers replaced" : "applied in place";
    last_reload_failure_.reset();
    commands_.push_back(Activated{instance.generation, instance.spec});
    report(Report::Kind::reconfigured, instance.generation, last_reload_);
}

// The master goes on trying: unlike a rollout, nothing would begin anew.
void VassalFsm::recycle_stalled(Instance& instance, const std::string& reason) {
    const bool is_news = instance.reconfiguring->stalled != reason;
    instance.reconfiguring->is_taken = true;
    instance.reconfiguring->stalled = reason;
    last_reload_ = "failed: " + reason;
    last_reload_failure_ = Failure{.step = "recycle", .reason = reason, .detail = {}};
    if (is_news) report(Report::Kind::recycle_failed, instance.generation, reason);
}

// Its wish is not fulfilled by this one: a rollout does it.
void VassalFsm::cannot_reconfigure(Instance& instance, const std::string& reason, TimePoint) {
    instance.reconfiguring.reset();
    if (instance.role != Role::active || instance.wish != wish_) return;
    ++wish_;
    cause_.text += " (not in place: " + reason + ")";
}

}  // namespace emperor::supervise
