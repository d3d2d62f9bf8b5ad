// SPDX-License-Identifier: Apache-2.0
// What follows when a start succeeds or fails, or a running instance ends: roles, rejection, backoff.
#include <array>
#include <cstdio>

#include "emperor/supervise/vassal_fsm.h"

namespace emperor::supervise {

namespace {

std::string seconds(Duration delay) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2f s", std::chrono::duration<double>(delay).count());
    return text.data();
}

}  // namespace

void VassalFsm::promote(Instance& successor, TimePoint now) {
    Instance* old = with_role(Role::active);
    const bool is_newest_wish = successor.wish == wish_;
    const bool is_fallback = is_newest_wish && is_rejected();
    successor.role = Role::active;
    proven_ = successor.spec;
    retry_at_.reset();
    const bool is_observed = old && is_to_be_observed(successor, *old);
    if (is_observed)
        observe(*old, successor.spec->observe, now);
    else if (old)
        retire(*old, StopMode::graceful, false, "replaced by generation " + std::to_string(successor.generation), now);
    if (slot_ == Slot::held) slot_until_ = now + handover_hold;
    count_serving(now);
    commands_.push_back(Activated{successor.generation, successor.spec});
    requests_promoted(is_newest_wish && !is_fallback);
    if (!is_fallback) {
        last_reload_failure_.reset();
        if (old || !last_reload_.empty()) last_reload_ = "ok";
    }
    report(old ? Report::Kind::reloaded : Report::Kind::running, successor.generation, cause_.text);
    if (!is_observed) return;
    report(Report::Kind::observing, successor.generation, "generation " + std::to_string(old->generation) + " stands by");
    if (successor.is_serving) return;
    // Its workers ended while the promotion was under way.
    const std::string reason = successor.not_serving_reason;
    roll_back(successor, reason, Failure{.step = "serve", .reason = reason, .detail = {}}, now);
}

void VassalFsm::start_failed(Instance& instance, Failure failure, TimePoint now) {
    if (is_rollout_slot_ && slot_ == Slot::held)
        slot_until_ = now + handover_hold;
    else
        release_slot();
    instance.role = Role::retiring;
    instance.must_end_first = true;
    const std::string text = failure.step + ": " + failure.reason;
    if (instance.wish != wish_) {  // nobody waits for its outcome any more
        report(Report::Kind::start_failed, instance.generation, text);
        return;
    }
    requests_start_failed(failure);
    const bool has_proven = with_role(Role::active) || (proven_ && proven_->id != instance.spec->id);
    if (has_proven) {  // I3: what is proven stays, or comes back
        rejected_wish_ = wish_;
        unpin();  // an operator's rollback that did not work out
        last_reload_ = "failed: " + failure.words();
        last_reload_failure_ = std::move(failure);
        report(Report::Kind::reload_failed, instance.generation, text);
        return;
    }
    ++crashes_;
    report(Report::Kind::start_failed, instance.generation, text);
    plan_retry(false, *instance.spec, failure.words(), now);
}

void VassalFsm::crashed(Instance& instance, const Failure& failure, TimePoint now) {
    if (with_role(Role::standby)) {
        report(Report::Kind::crashed, instance.generation, failure.reason);
        return roll_back(instance, failure.reason, failure, now);
    }
    if (stable_at_ && *stable_at_ <= now) reset_backoff();
    stable_at_.reset();
    const bool is_first = crashes_ == 0;
    last_bank_ = instance.bank;  // its orphaned workers drain and count there yet
    ++crashes_;
    report(Report::Kind::crashed, instance.generation, failure.reason);
    plan_retry(is_first, *instance.spec, failure.reason, now);
}

void VassalFsm::plan_retry(bool is_at_once, const Spec& spec, const std::string& reason, TimePoint now) {
    retry_reason_ = reason;
    retry_at_.reset();
    if (is_at_once) return;
    const Duration delay = backoff_.next(spec.restart_initial, spec.restart_max);
    retry_at_ = now + delay;
    report(Report::Kind::backoff, 0, "next attempt in " + seconds(delay) + ": " + reason);
}

void VassalFsm::reset_backoff() {
    crashes_ = 0;
    backoff_.reset();
    retry_at_.reset();
    stable_at_.reset();
}

void VassalFsm::count_serving(TimePoint now) {
    const Instance* active = with_role(Role::active);
    stable_at_.reset();
    if (crashes_ > 0 && active && active->is_serving) stable_at_ = now + active->spec->restart_stable;
}

}  // namespace emperor::supervise
