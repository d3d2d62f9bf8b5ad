// SPDX-License-Identifier: Apache-2.0
// Observation and rollback, as far as they are the shell's: figures for the machine, the configuration to go back to, and
// what of it outlives this emperor.
#include <algorithm>

#include "common/config/schema.h"
#include "common/log/log.h"
#include "emperor/fleet/vassal_host.h"

namespace emperor::fleet {

namespace {

constexpr auto look_interval = std::chrono::seconds(1);

bool is_same_configuration(const Deployment& one, const Deployment& other) {
    return *one.effective->values == *other.effective->values && one.identity == other.identity;
}

std::uint64_t since(std::uint64_t then, std::uint64_t now) noexcept { return now > then ? now - then : 0; }

}  // namespace

// ---- observation ----------------------------------------------------------------------------------------------------

// From here on its answers count.
void VassalHost::note_answers(const Instance& promoted) {
    const int workers = promoted.launch()->deployment->effective->config.workers;
    if (board_) answers_at_promotion_ = common::scoreboard::read_answers(board_.board(), promoted.bank(), workers);
}

void VassalHost::begin_observation() {
    observation_timer_.arm_after(look_interval, [this] { look_at_observed(); });
}

void VassalHost::look_at_observed() {
    const supervise::VassalStatus status = machine_.status();
    const Instance* active = find(status.active);
    if (status.standby == 0 || !active || !board_) return;
    begin_observation();
    const int workers = active->launch()->deployment->effective->config.workers;
    const auto now = common::scoreboard::read_answers(board_.board(), active->bank(), workers);
    push(supervise::Observed{status.active, since(answers_at_promotion_.all, now.all),
                             since(answers_at_promotion_.errors, now.errors)});
}

std::int64_t VassalHost::observed_until_us() const {
    const auto until = machine_.status().observed_until;
    if (!until) return 0;
    return epoch_us() + std::chrono::duration_cast<std::chrono::microseconds>(*until - common::Clock::now()).count();
}

// The wall clock may have been set meanwhile: never longer than configured.
common::Duration VassalHost::observe_left(std::int64_t until_us, const supervise::Spec& spec) const {
    if (until_us == 0) return spec.observe;
    const common::Duration left = std::chrono::microseconds(until_us - epoch_us());
    return std::clamp(left, common::Duration::zero(), std::max(spec.observe, common::Duration::zero()));
}

// ---- the way back ---------------------------------------------------------------------------------------------------

void VassalHost::activate(LaunchPtr launch) {
    const DeploymentPtr before = activated_ ? activated_->deployment : nullptr;
    activated_ = std::move(launch);
    // A change in place that an operator's rollback overtook: what that goes back to stays what it is.
    if (rollback_ && activated_->deployment->spec != rollback_->deployment->spec) return;
    if (machine_.status().rolled_back.empty()) {
        if (before && !is_same_configuration(*before, *activated_->deployment)) last_good_ = before;
        return;
    }
    last_good_ = activated_->deployment;
}

// The spec of what to go back to, its listeners open; null when the machine knows better, or there is nothing.
common::Result<supervise::SpecPtr> VassalHost::prepare_rollback() {
    const supervise::VassalStatus status = machine_.status();
    const bool is_on_the_way = status.standby != 0 || status.successor != 0 || !status.rolled_back.empty();
    if (is_on_the_way || !last_good_) return supervise::SpecPtr();
    auto again = std::make_shared<Deployment>(*last_good_);
    again->spec = make_spec(again->effective->config);
    auto opened = pool_.open(*again);
    if (!opened) return common::failure(common::config::headline(opened.error()));
    rollback_ = std::make_shared<Launch>(Launch{again, std::move(*opened), true});
    return again->spec;
}

// ---- over a change of emperors --------------------------------------------------------------------------------------

void VassalHost::desire_unstarted(const DeploymentPtr& deployment) {
    desired_ = deployment;
    newest_ = std::make_shared<Launch>();
    newest_->deployment = deployment;
}

// Nothing runs, and the file is still the one that was rolled back from. False: it is a file as any other.
bool VassalHost::resume_rollback(const DeploymentPtr& deployment) {
    const RollbackRecord left = std::exchange(left_rollback_, {});
    if (desired_ || !left.from || left.from->file != deployment->file || left.from->stamp != deployment->stamp) return false;
    if (!is_same_configuration(*left.from, *deployment) || !deployment->spec->is_enabled) return false;
    auto pinned = std::make_shared<Launch>();
    pinned->deployment = left.last_good;
    desire_unstarted(deployment);
    diagnostics_.clear();
    invalid_text_.clear();
    // Now, because the keeper's are given up after this scan; what cannot be opened is tried again by its start.
    if (!machine_.status().is_held) {
        if (auto opened = pool_.open(*pinned->deployment)) {
            pinned->listeners = std::move(*opened);
            pinned->has_listeners = true;
        }
    }
    rollback_ = std::move(pinned);
    push(supervise::RollbackAdopted{desired_->spec, left.last_good->spec, left.reason});
    return true;
}

void VassalHost::resume_rollback_of(const LaunchPtr& adopted) {
    const RollbackRecord left = std::exchange(left_rollback_, {});
    if (!left.from || !is_same_configuration(*left.last_good, *adopted->deployment)) return;
    last_good_ = adopted->deployment;
    desire_unstarted(left.from);
    push(supervise::RollbackAdopted{desired_->spec, adopted->deployment->spec, left.reason});
}

void VassalHost::keep_rollback() {
    if (is_removed_ || !owns_directory_) return;
    const supervise::VassalStatus status = machine_.status();
    RollbackRecord now{last_good_, nullptr, ""};
    if (!status.rolled_back.empty() && last_good_ && desired_ && last_good_->spec->id != desired_->spec->id) {
        const bool is_done = activated_ && activated_->deployment->spec->id == last_good_->spec->id;
        if (is_done || !kept_rollback_.reason.empty()) now = {last_good_, desired_, status.rolled_back};
    }
    const bool is_kept = now.last_good == kept_rollback_.last_good && now.from == kept_rollback_.from &&
                         now.reason == kept_rollback_.reason;
    if (is_kept) return;
    kept_rollback_ = now;
    if (const auto written = write_rollback(options_.directory_of(name_), now); !written)
        common::log::warn("rollback not recorded", {{"vassal", name_}, {"reason", written.error().message()}});
}

// ---- views ----------------------------------------------------------------------------------------------------------

void VassalHost::show_rollback(VassalView& view) const {
    const supervise::VassalStatus& status = view.status;
    if (status.observed_until) {
        view.observed_until_us = observed_until_us();
        const auto left = std::chrono::ceil<std::chrono::seconds>(*status.observed_until - common::Clock::now());
        if (status.state == supervise::DisplayState::observing)
            view.status.reason += " for another " + std::to_string(std::max<std::int64_t>(0, left.count())) + " s";
    }
    const Instance* active = find(status.active);
    if (last_good_) view.last_good = last_good_->effective.get();
    if (status.rolled_back.empty() || !desired_) return;
    view.rolled_back_from = desired_->effective.get();
    const DeploymentPtr& runs = active ? active->launch()->deployment : last_good_;
    if (!runs) return;
    for (const common::config::Key* key : common::config::changed_keys(*runs->effective->values, *desired_->effective->values))
        view.differing_keys.push_back(key->path);
}

}  // namespace emperor::fleet
