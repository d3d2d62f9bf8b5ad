// SPDX-License-Identifier: Apache-2.0
// `emperorctl scale`: another number of workers than the file says, until the file says another one.
#include "common/config/schema.h"
#include "common/log/log.h"
#include "emperor/fleet/vassal_host.h"

namespace emperor::fleet {

namespace {

std::string text_of(const nlohmann::json& workers) {
    return common::config::value_text(*common::config::find_key("workers"), workers);
}

}  // namespace

DeploymentPtr VassalHost::running() const {
    const Instance* active = find(machine_.status().active);
    return active ? active->launch()->deployment : nullptr;
}

DeploymentPtr VassalHost::in_use() const {
    const DeploymentPtr now = running();
    return now || machine_.status().rolled_back.empty() ? now : last_good_;
}

// What a file said is known by now, and whether the operator's number still holds against it.
DeploymentPtr VassalHost::with_scale(DeploymentPtr deployment) {
    if (!scale_ || deployment->of_file) return deployment;
    const nlohmann::json& says = deployment->effective->values->at("workers");
    if (says != scale_->file) {
        common::log::info("scale ends", {{"vassal", name_}, {"reason", "its file says workers: " + text_of(says)}});
        keep_scale({});
        return deployment;
    }
    auto changed = std::make_shared<Deployment>(*deployment);
    changed->of_file = deployment->effective;
    changed->effective = scaled(*changed->of_file, *scale_);
    return changed;
}

void VassalHost::keep_scale(std::optional<Scale> scale) {
    if (scale == scale_) return;
    scale_ = std::move(scale);
    if (const auto written = write_scale(options_.directory_of(name_), scale_); !written)
        common::log::warn("scale not recorded", {{"vassal", name_}, {"reason", written.error().message()}});
}

common::Result<void> VassalHost::scale(const std::optional<WorkersRange>& range, const Actor& actor) {
    if (is_removed_ || !desired_) return common::failure("it has no valid configuration");
    if (!invalid_text_.empty()) return common::failure("its file is invalid; mend it first (emperorctl check)");
    // Another number is another configuration of the file's: it would take the place of what an operator or its errors just
    // put back.
    const supervise::VassalStatus status = machine_.status();
    if (!status.rolled_back.empty())
        return common::failure("it was rolled back (" + status.rolled_back + "); mend the file, or reload it, first");
    const DeploymentPtr now = running();
    if (now && now != desired_ && machine_.status().last_reload_failure)
        return common::failure("its last edit failed, and what runs is an older one; mend the file first");
    auto changed = std::make_shared<Deployment>(*desired_);
    changed->effective = as_in_file(*desired_);
    changed->of_file = nullptr;
    changed->spec = make_spec(changed->effective->config);
    std::string what = "what its file says";
    if (range) {
        keep_scale(Scale{range->min, range->max, changed->effective->values->at("workers")});
        what = text_of(workers_value(range->min, range->max));
    } else {
        keep_scale({});
    }
    const std::string who = actor.name.empty() ? std::to_string(actor.uid) : actor.name;
    common::log::info("operator request", {{"vassal", name_}, {"operation", "scale"}, {"workers", what}, {"user", who},
                                           {"uid", actor.uid}, {"pid", actor.pid}});
    remember("requested", 0, "operator " + who + " (pid " + std::to_string(actor.pid) + "): scale to " + what);
    const DeploymentPtr next = with_scale(changed);
    if (*next->effective->values == *desired_->effective->values) {  // the file alone is another one to compare with
        changed = std::make_shared<Deployment>(*next);
        changed->spec = desired_->spec;
        replace_desired(std::move(changed));
        return {};
    }
    if (desire(next, "operator " + who + ": scale to " + what, supervise::Change::live)) return {};
    return common::failure(diagnostics_.empty() ? "it cannot be started" : common::config::headline(diagnostics_.front()));
}

}  // namespace emperor::fleet
