// SPDX-License-Identifier: Apache-2.0
// What each event changes before reconcile() acts on it.
#include <algorithm>

#include "emperor/supervise/vassal_fsm.h"

namespace emperor::supervise {

namespace {

// How the end of a process reads when its master said nothing itself.
Failure exit_failure(const ExitStatus& status, const std::string& step) {
    return {.step = "exit", .reason = step.empty() ? status.text() : status.text() + " at step " + step, .detail = {}};
}

}  // namespace

// ---- what is wanted ------------------------------------------------------------------------------------------------

void VassalFsm::handle(const ConfigChanged& event, TimePoint now) {
    const bool is_same = desired_ && desired_->id == event.spec->id;
    const Instance* newest = with_role(Role::successor);
    if (!newest) newest = with_role(Role::active);
    if (!invalid_.empty()) report(Report::Kind::recovered, 0, "the file is valid again");
    invalid_.clear();
    is_removed_ = false;
    is_forgotten_ = false;
    desired_ = event.spec;
    reset_backoff();
    // The same Spec comes again when a file is valid again unchanged. It is a wish only if it has never been tried.
    const bool is_under_way = newest && newest->reconfiguring && newest->reconfiguring->spec->id == event.spec->id;
    const bool is_untried = newest && newest->spec->id != event.spec->id && !is_rejected() && !pinned_ && !is_under_way;
    if (is_same && !is_untried) return;
    const bool is_in_place = !is_same && can_reconfigure(event.change, *event.spec);  // by what there was before
    unpin();
    rollbacks_overtaken_by(event.cause);
    ++wish_;
    cause_ = event.cause;
    if (is_in_place) reconfigure(event.change, now);
}

void VassalFsm::handle(const ConfigInvalid& event, TimePoint) {
    const std::string text = event.text.empty() ? "invalid" : event.text;
    is_removed_ = false;
    is_forgotten_ = false;
    if (invalid_ == text) return;
    invalid_ = text;
    report(Report::Kind::invalid, 0, invalid_);
}

void VassalFsm::handle(const ConfigRemoved&, TimePoint) {
    is_removed_ = true;
    invalid_.clear();
    unpin();
}

void VassalFsm::handle(const OperatorRequest& event, TimePoint now) { apply(event, now); }

void VassalFsm::handle(const Woken&, TimePoint) {
    if (!is_asleep()) return;
    is_awake_ = true;
    cause_ = {"woken by a connection"};
}

void VassalFsm::handle(const Idle& event, TimePoint) {
    const Instance* active = with_role(Role::active);
    const SpecPtr& next = spec_to_start();
    if (!next || !next->is_on_demand || !active || active->generation != event.generation) return;
    if (!active->spec->is_on_demand) return;  // it is being changed in place, and what is proven would not sleep
    // Whoever waits for something, a client of a coming generation or an operator, is served first.
    const bool is_moving = with_role(Role::successor) || with_role(Role::standby) || is_start_due() || active->fsm.is_ending();
    if (is_moving || !requests_.empty()) return;
    is_awake_ = false;
    reset_backoff();
}

void VassalFsm::handle(const ShutdownBegan& event, TimePoint) {
    if (shutdown_ != StopMode::fast) shutdown_ = event.mode;
}

// ---- what is there -------------------------------------------------------------------------------------------------

void VassalFsm::handle(const StartSlotGranted&, TimePoint) {
    // A grant that crossed its withdrawal means nothing: ReleaseStartSlot gave it back.
    if (slot_ == Slot::waiting) slot_ = Slot::held;
}

void VassalFsm::handle(const InstanceSpawned& event, TimePoint now) {
    if (Instance* instance = find(event.generation)) instance->fsm.on(InstanceEvent::spawned, now, commands_);
}

void VassalFsm::handle(const InstanceSpawnFailed& event, TimePoint now) {
    Instance* instance = find(event.generation);
    if (!instance) return;
    instance->fsm.on(InstanceEvent::spawn_failed, now, commands_);
    if (!instance->fsm.is_live() && instance->role == Role::successor) start_failed(*instance, event.failure, now);
}

void VassalFsm::handle(const InstanceStep& event, TimePoint) {
    if (Instance* instance = find(event.generation)) instance->step = event.step;
}

void VassalFsm::handle(const InstanceReady& event, TimePoint now) {
    Instance* instance = find(event.generation);
    if (!instance || instance->role != Role::successor) return;
    instance->fsm.on(InstanceEvent::ready, now, commands_);
    if (instance->fsm.state() == InstanceState::probing && !is_rollout_slot_) release_slot();
}

void VassalFsm::handle(const InstanceFailed& event, TimePoint now) {
    Instance* instance = find(event.generation);
    if (!instance || instance->fsm.state() == InstanceState::spawning) return;
    instance->fsm.on(InstanceEvent::failed, now, commands_);
    instance->failure = event.failure;
    instance->is_serving = false;
    instance->not_serving_reason = event.failure.reason;
    switch (instance->role) {
        case Role::successor: start_failed(*instance, event.failure, now); break;
        case Role::active:
            if (with_role(Role::standby)) roll_back(*instance, event.failure.reason, event.failure, now);
            break;
        case Role::standby: standby_lost(*instance, event.failure.reason); break;
        case Role::retiring: break;
    }
}

void VassalFsm::handle(const InstancePromoted& event, TimePoint now) {
    Instance* instance = find(event.generation);
    if (!instance || instance->role != Role::successor) return;
    instance->fsm.on(InstanceEvent::promoted, now, commands_);
    if (instance->fsm.state() == InstanceState::serving) promote(*instance, now);
}

void VassalFsm::handle(const InstanceServing& event, TimePoint now) {
    Instance* instance = find(event.generation);
    if (!instance || instance->fsm.is_ending()) return;
    const bool has_changed = instance->is_serving != event.is_serving;
    instance->is_serving = event.is_serving;  // a successor may lose its workers while its promotion is under way
    instance->not_serving_reason = event.reason;
    if (!has_changed || instance->role != Role::active) return;
    count_serving(now);
    report(event.is_serving ? Report::Kind::recovered : Report::Kind::degraded, event.generation, event.reason);
    if (const Instance* standby = with_role(Role::standby); standby && standby->is_serving && !event.is_serving)
        roll_back(*instance, event.reason, Failure{.step = "serve", .reason = event.reason, .detail = {}}, now);
}

void VassalFsm::handle(const InstanceExited& event, TimePoint now) {
    Instance* instance = find(event.generation);
    if (!instance) return;
    instance->fsm.on(InstanceEvent::exited, now, commands_);
    const Failure failure =
        instance->failure.value_or(exit_failure(event.status, instance->role == Role::successor ? instance->step : ""));
    switch (instance->role) {
        case Role::successor: start_failed(*instance, failure, now); break;
        case Role::active: crashed(*instance, failure, now); break;
        case Role::standby: standby_lost(*instance, failure.reason); break;
        case Role::retiring: break;
    }
}

void VassalFsm::handle(const TimerFired& event, TimePoint now) {
    if (event.generation == 0) {
        if (!own_timer_) return;
        own_timer_.reset();  // if it came too early, reconcile() arms it again
        if (retry_at_ && *retry_at_ <= now) retry_at_.reset();
        if (stable_at_ && *stable_at_ <= now) reset_backoff();
        if (observed_until_ && *observed_until_ <= now) end_observation("its successor was observed long enough", now);
        return;
    }
    Instance* instance = find(event.generation);
    if (!instance) return;
    const bool is_due = instance->fsm.is_due(now);
    const bool is_too_slow = instance->role == Role::successor && is_due;
    const bool is_silent = is_due && instance->reconfiguring && instance->fsm.state() == InstanceState::serving;
    instance->fsm.on(InstanceEvent::deadline, now, commands_);
    if (is_silent) return cannot_reconfigure(*instance, "the master did not answer in time", now);
    if (!is_too_slow) return;
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(instance->spec->start_timeout).count();
    const std::string step = instance->step.empty() ? "start" : instance->step;
    start_failed(*instance,
                 {.step = "timeout",
                  .reason = "not ready within timeouts.start (" + std::to_string(limit) + " ms), at step " + step,
                  .detail = {}},
                 now);
}

void VassalFsm::handle(const InstanceAdopted& event, TimePoint now) {
    last_generation_ = std::max(last_generation_, event.generation);
    last_bank_ = event.bank;
    is_stopped_reported_ = false;
    is_sleep_reported_ = false;
    if (!event.is_draining) is_awake_ = true;
    if (!desired_) desired_ = event.spec;
    const std::uint64_t wish = desired_->id == event.spec->id ? wish_ : ~std::uint64_t{0} - 1;
    instances_.push_back({.generation = event.generation,
                          .bank = event.bank,
                          .spec = event.spec,
                          .wish = wish,
                          .role = Role::active,
                          .fsm = InstanceFsm(event.generation, *event.spec),
                          .step = {},
                          .failure = {},
                          .not_serving_reason = {}});
    if (event.is_draining) {
        retire(instances_.back(), StopMode::graceful, false, "was draining already", now);
        return;
    }
    Instance& adopted = instances_.back();
    if (event.is_standby) {
        const Instance* active = with_role(Role::active);  // the first one: not the standby itself when it has company
        const bool has_successor = active && active != &adopted && active->generation > adopted.generation;
        if (has_successor && !active->fsm.is_ending()) return observe(adopted, event.observe_left, now);
        commands_.push_back(SendResume{adopted.generation});  // the one that it stood by for is gone
    }
    // A crash in the middle of a rollout may have left two that serve: the newer one stays.
    for (Instance& instance : instances_) {
        Instance* newest = &instances_.back();
        if (&instance == newest || instance.role != Role::active) continue;
        Instance* older = instance.generation < newest->generation ? &instance : newest;
        retire(*older, StopMode::graceful, false, "replaced by a newer generation", now);
        break;
    }
    if (const Instance* active = with_role(Role::active)) proven_ = active->spec;
    reset_backoff();
}

}  // namespace emperor::supervise
