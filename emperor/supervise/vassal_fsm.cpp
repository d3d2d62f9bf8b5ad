// SPDX-License-Identifier: Apache-2.0
// Compares what is wanted with what is there, and takes the next step.
#include "emperor/supervise/vassal_fsm.h"

#include <algorithm>
#include <utility>

namespace emperor::supervise {

VassalFsm::VassalFsm(std::uint32_t jitter_seed, const std::optional<std::string>& held)
    : is_held_(held.has_value()), backoff_(jitter_seed) {
    if (held && !held->empty()) held_reason_ = *held;
    instances_.reserve(4);  // two, and one moment's more when a former emperor left too many
}

Commands VassalFsm::on(const VassalEvent& event, TimePoint now) {
    commands_.clear();
    std::visit([&](const auto& known) { handle(known, now); }, event);
    reconcile(now);
    return std::exchange(commands_, {});
}

void VassalFsm::reconcile(TimePoint now) {
    std::erase_if(instances_, [](const Instance& instance) { return !instance.fsm.is_live(); });
    if (const std::optional<Down> reason = down())
        bring_down(*reason, now);
    else
        bring_up(now);
    arm_own_timer();
}

// ---- down ----------------------------------------------------------------------------------------------------------

void VassalFsm::bring_down(const Down& down, TimePoint now) {
    release_slot();
    retry_at_.reset();
    stable_at_.reset();
    observed_until_.reset();
    if (down.why != Down::Why::asleep) {
        if (down.why != Down::Why::invalid) is_awake_ = false;  // what was to run when its file broke still is
        is_sleep_reported_ = false;
        proven_.reset();  // stopped on purpose: the next start is a first start again
        rejected_wish_ = ~std::uint64_t{0};
    }
    requests_overtaken_by(down);

    const StopMode mode = shutdown_.value_or(StopMode::graceful);
    // A file that comes back may start its new generation beside the one that still drains; a stop is a stop.
    const bool must_end_first = down.why == Down::Why::held || down.why == Down::Why::shutdown;
    for (Instance& instance : instances_) retire(instance, mode, must_end_first, down.text, now);
    if (instances_.empty()) settle_down(down);
}

void VassalFsm::settle_down(const Down& down) {
    if (down.why == Down::Why::asleep) {
        is_stopped_reported_ = false;  // a stop of a sleeping one is news
        if (!std::exchange(is_sleep_reported_, true)) report(Report::Kind::sleeping, 0, down.text);
        return;
    }
    if (!std::exchange(is_stopped_reported_, true)) report(Report::Kind::stopped, 0, down.text);
    requests_stopped();
    if (!is_removed_ || std::exchange(is_forgotten_, true)) return;
    report(Report::Kind::removed, 0, down.text);
    commands_.push_back(Forget{});
}

// ---- up ------------------------------------------------------------------------------------------------------------

void VassalFsm::bring_up(TimePoint now) {
    if (Instance* successor = with_role(Role::successor)) {
        const bool is_overtaken = successor->wish != wish_ && successor->fsm.state() != InstanceState::probing;
        if (!is_overtaken) return;
        retire(*successor, StopMode::fast, true, "overtaken by: " + cause_.text, now);
        release_slot();
    }
    if (is_start_due())
        start_if_possible(now);
    else
        settle_slot(now);
}

bool VassalFsm::is_start_due() const {
    const Instance* active = with_role(Role::active);
    if (!active) return true;
    // One that gives up by itself is waited for: its exit says why, and then it is restarted.
    return active->wish != wish_ && !is_rejected() && !active->fsm.is_ending();
}

void VassalFsm::start_if_possible(TimePoint now) {
    const bool is_rollout = with_role(Role::active) != nullptr;
    const bool is_too_early = retry_at_ && now < *retry_at_;
    if (!is_too_early && with_role(Role::standby)) end_observation("a newer generation is due", now);
    // What was a rollout may be a start now, which no rollout must delay; or the slot is still that of the last rollout.
    const bool is_of_another_kind = is_rollout_slot_ && !is_rollout;
    if (slot_ != Slot::none && (slot_until_ || is_of_another_kind)) release_slot();
    const bool is_blocked =
        instances_.size() >= 2 || std::any_of(instances_.begin(), instances_.end(), [](const Instance& instance) {
            return instance.role == Role::retiring && instance.must_end_first;
        });
    if (is_too_early || is_blocked) return release_slot();
    switch (slot_) {
        case Slot::none:
            slot_ = Slot::waiting;
            is_rollout_slot_ = is_rollout;
            commands_.push_back(AcquireStartSlot{is_rollout                ? Turn::rollout
                                                 : has_failed_repeatedly() ? Turn::retry
                                                                           : Turn::start});
            break;
        case Slot::waiting: break;
        case Slot::held: spawn(now); break;
    }
}

void VassalFsm::spawn(TimePoint now) {
    const SpecPtr spec = spec_to_start();
    const Generation generation = ++last_generation_;
    const int bank = free_bank();
    const bool is_reload = with_role(Role::active) != nullptr;
    last_bank_ = bank;
    retry_at_.reset();
    is_stopped_reported_ = false;
    is_sleep_reported_ = false;
    is_awake_ = true;
    report(is_reload ? Report::Kind::reloading : Report::Kind::starting, generation,
           crashes_ > 0 && !is_reload ? "again after: " + retry_reason_ : cause_.text);
    commands_.push_back(Spawn{generation, bank, spec});
    instances_.push_back({.generation = generation,
                          .bank = bank,
                          .spec = spec,
                          .wish = wish_,
                          .role = Role::successor,
                          .fsm = InstanceFsm(generation, *spec, now, commands_),
                          .step = {},
                          .failure = {},
                          .not_serving_reason = {}});
}

void VassalFsm::retire(Instance& instance, StopMode mode, bool must_end_first, const std::string& reason,
                       TimePoint now) {
    const bool is_new = instance.role != Role::retiring;
    // One whose promotion is under way may have accepted requests already: it gets the time to answer them.
    const bool is_proven = instance.role == Role::active || instance.role == Role::standby ||
                           instance.fsm.state() == InstanceState::probing;
    if (is_new && is_proven) report(Report::Kind::stopping, instance.generation, reason);
    if (instance.role == Role::active) stable_at_.reset();
    if (is_new) instance.must_end_first = !is_proven;
    instance.must_end_first |= must_end_first;
    instance.role = Role::retiring;
    // The fsm makes it fast for one that accepted nothing yet, and never softens a stop.
    instance.fsm.on(mode == StopMode::fast ? InstanceEvent::stop_fast : InstanceEvent::stop_graceful, now, commands_,
                    reason);
}

// ---- the start slot, the timer, the report -------------------------------------------------------------------------

// A rollout leaves two behind for a while: the next vassal's turn comes when what this one replaced is gone.
void VassalFsm::settle_slot(TimePoint now) {
    const bool is_anybody_leaving = std::any_of(instances_.begin(), instances_.end(), [](const Instance& instance) {
        return instance.role == Role::retiring;
    });
    if (slot_ == Slot::held && slot_until_ && now < *slot_until_ && is_anybody_leaving) return;
    release_slot();
}

void VassalFsm::release_slot() {
    slot_until_.reset();
    if (std::exchange(slot_, Slot::none) != Slot::none) commands_.push_back(ReleaseStartSlot{});
}

void VassalFsm::arm_own_timer() {
    // A start in progress decides first; its failure comes back here.
    std::optional<TimePoint> wanted = retry_at_ && !with_role(Role::successor) ? retry_at_ : stable_at_;
    for (const auto& other : {observed_until_, slot_until_})
        if (other && (!wanted || *other < *wanted)) wanted = other;
    if (wanted == own_timer_) return;
    own_timer_ = wanted;
    if (wanted)
        commands_.push_back(ArmTimer{0, *wanted});
    else
        commands_.push_back(DisarmTimer{0});
}

void VassalFsm::report(Report::Kind kind, Generation generation, std::string text) {
    commands_.push_back(Report{kind, generation, std::move(text)});
}

}  // namespace emperor::supervise
