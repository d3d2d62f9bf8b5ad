// SPDX-License-Identifier: Apache-2.0
// What is derived from the state: why the vassal is down, which Spec a start uses, and what operators see.
#include <algorithm>
#include <utility>

#include "emperor/supervise/vassal_fsm.h"

namespace emperor::supervise {

std::optional<VassalFsm::Down> VassalFsm::down() const {
    using Why = Down::Why;
    if (shutdown_) return Down{Why::shutdown, "the emperor is shutting down"};
    if (is_removed_) return Down{Why::removed, "its file was removed"};
    if (is_held_) return Down{Why::held, held_reason_};
    const bool is_up = with_role(Role::active) || with_role(Role::successor);
    const SpecPtr& next = spec_to_start();  // what it wakes with was valid when it fell asleep
    const bool is_on_demand = next && next->is_on_demand;
    if (!invalid_.empty() && !is_up && !proven_ && !pinned_ && !is_on_demand) return Down{Why::invalid, invalid_};
    if (!desired_ && !pinned_) return Down{Why::nothing, ""};
    if (desired_ && !desired_->is_enabled) return Down{Why::disabled, "disabled in its file"};
    if (is_on_demand && !is_awake_) return Down{Why::asleep, "waits for a connection"};
    return std::nullopt;
}

bool VassalFsm::is_asleep() const {
    const std::optional<Down> reason = down();
    return reason && reason->why == Down::Why::asleep;
}

VassalFsm::Instance* VassalFsm::find(Generation generation) {
    const auto found = std::find_if(instances_.begin(), instances_.end(), [&](const Instance& instance) {
        return instance.generation == generation && instance.fsm.is_live();
    });
    return found == instances_.end() ? nullptr : &*found;
}

const VassalFsm::Instance* VassalFsm::with_role(Role role) const {
    const auto found = std::find_if(instances_.begin(), instances_.end(), [&](const Instance& instance) {
        return instance.role == role && instance.fsm.is_live();
    });
    return found == instances_.end() ? nullptr : &*found;
}

VassalFsm::Instance* VassalFsm::with_role(Role role) {
    return const_cast<Instance*>(std::as_const(*this).with_role(role));
}

bool VassalFsm::falls_back() const {
    if (!proven_) return false;
    return is_rejected() || (!invalid_.empty() && !with_role(Role::active) && !pinned_);
}

int VassalFsm::free_bank() const {
    // Not the living one's; otherwise not the one used last, whose counters are still being read or even written.
    return instances_.empty() ? 1 - last_bank_ : 1 - instances_.front().bank;
}

std::pair<DisplayState, std::string> VassalFsm::display_down(const Down& down) const {
    if (down.why == Down::Why::invalid) return {DisplayState::invalid, down.text};
    if (down.why == Down::Why::asleep) {
        if (!invalid_.empty()) return {DisplayState::invalid, invalid_};
        return {DisplayState::sleeping, instances_.empty() ? down.text : "its last generation drains"};
    }
    return {instances_.empty() ? DisplayState::stopped : DisplayState::stopping, down.text};
}

std::pair<DisplayState, std::string> VassalFsm::display() const {
    if (const std::optional<Down> reason = down()) return display_down(*reason);
    const Instance* active = with_role(Role::active);
    const Instance* successor = with_role(Role::successor);
    const auto waits_for = std::find_if(instances_.begin(), instances_.end(),
                                        [](const Instance& instance) { return instance.role == Role::retiring; });
    const auto progress = [&]() -> std::string {
        if (successor) return successor->step.empty() ? name_of_state(*successor) : successor->step;
        if (slot_ != Slot::none) return "waits for a start slot";
        if (waits_for != instances_.end())
            return "waits for generation " + std::to_string(waits_for->generation) + " to end";
        return cause_.text;
    };
    if (active) {
        if (!invalid_.empty()) return {DisplayState::invalid, invalid_};
        if (successor || is_start_due()) return {DisplayState::reloading, progress()};
        if (!active->is_serving) return {DisplayState::backoff, active->not_serving_reason};
        if (with_role(Role::standby)) return {DisplayState::observing, "generation " + std::to_string(active->generation)};
        if (pinned_) return {DisplayState::rolled_back, rolled_back_};
        if (active->reconfiguring && !active->reconfiguring->stalled.empty())
            return {DisplayState::running, "workers not replaced: " + active->reconfiguring->stalled};
        if (active->reconfiguring)
            return {DisplayState::reloading, active->reconfiguring->is_taken ? "replaces its workers" : cause_.text};
        return {DisplayState::running, last_reload_failure_ ? "reload failed: " + last_reload_failure_->words() : ""};
    }
    if (successor) return {DisplayState::starting, progress()};
    if (retry_at_) return {DisplayState::backoff, retry_reason_};
    const bool is_restart = std::any_of(requests_.begin(), requests_.end(),
                                        [](const Request& request) { return request.operation == Operation::restart; });
    if (is_restart && waits_for != instances_.end()) return {DisplayState::stopping, progress()};
    return {DisplayState::starting, progress()};
}

std::string VassalFsm::name_of_state(const Instance& instance) { return std::string(name_of(instance.fsm.state())); }

VassalStatus VassalFsm::status() const {
    auto [state, reason] = display();
    const Instance* active = with_role(Role::active);
    const Instance* successor = with_role(Role::successor);
    const Instance* standby = with_role(Role::standby);
    return {.state = state,
            .reason = std::move(reason),
            .active = active ? active->generation : 0,
            .successor = successor ? successor->generation : 0,
            .active_bank = active ? active->bank : 0,
            .is_held = is_held_,
            .held_reason = is_held_ ? held_reason_ : std::string(),
            .crashes = crashes_,
            .retry_at = retry_at_,
            .last_reload_failure = last_reload_failure_,
            .last_reload = last_reload_,
            .standby = standby ? standby->generation : 0,
            .observed_until = observed_until_,
            .rolled_back = rolled_back_,
            .is_serving = active && active->is_serving,
            .next_spec = spec_to_start() ? spec_to_start()->id : 0,
            .is_asleep = is_asleep()};
}

}  // namespace emperor::supervise
