// SPDX-License-Identifier: Apache-2.0
// A configuration that is replaced in place, by the running master: the machine decides that, the master does it.
#include <nlohmann/json.hpp>

#include "common/config/schema.h"
#include "common/log/log.h"
#include "emperor/fleet/vassal_host.h"

namespace emperor::fleet {

namespace link = common::link;
using Became = supervise::InstanceReconfigured::Outcome;

namespace {

// The first one that knows the message.
constexpr int reconfiguring_minor = 1;

std::optional<Became> outcome_of(std::string_view word) {
    if (word == "taken") return Became::taken;
    if (word == "applied") return Became::applied;
    if (word == "stalled") return Became::stalled;
    if (word == "refused") return Became::refused;
    return std::nullopt;
}

}  // namespace

// What the running generation accepts on is what this one would accept on.
bool VassalHost::has_listeners_of(const Launch& launch) const {
    const Instance* active = find(machine_.status().active);
    return active && active->launch()->listeners == launch.listeners;
}

void VassalHost::reconfigure(const supervise::Reconfigure& order) {
    const auto refuse = [&](const char* why) {
        push(supervise::InstanceReconfigured{order.generation, order.spec->id, Became::refused, why});
    };
    Instance* instance = find(order.generation);
    const LaunchPtr launch = launch_of(order.spec->id);
    if (!instance || !launch) return refuse("it was replaced meanwhile");
    if (instance->minor() < reconfiguring_minor) return refuse("its master is of an older version");
    // Whoever adopts it now cannot know what it runs.
    instance->set_settled(false);
    write_record();
    const link::Reconfigure message{order.spec->id, order.change == supervise::Change::recycle,
                                    *launch->deployment->effective->values};
    if (!instance->send(message)) return refuse("its master could not be told");
    common::log::debug("reconfiguring", {{"vassal", name_}, {"generation", order.generation}});
}

void VassalHost::on_reconfigured(const Instance& instance, const link::Reconfigured& answer) {
    if (const auto outcome = outcome_of(answer.outcome))
        push(supervise::InstanceReconfigured{instance.generation(), answer.id, *outcome, answer.reason});
}

void VassalHost::on_activated(const supervise::Activated& activated) {
    Instance* instance = find(activated.generation);
    if (!instance) return;
    const Deployment& before = *instance->launch()->deployment;
    if (before.spec->id != activated.spec->id) {
        const LaunchPtr launch = launch_of(activated.spec->id);
        if (!launch) return;
        const nlohmann::json& old_values = *before.effective->values;
        const nlohmann::json& values = *launch->deployment->effective->values;
        reconfigured_ = {std::string(common::config::name_of(common::config::reload_class(old_values, values))), {}};
        for (const common::config::Key* key : common::config::changed_keys(old_values, values))
            reconfigured_.keys.append(reconfigured_.keys.empty() ? "" : ", ").append(key->path);
        instance->use(launch);
        instance->set_settled(true);
        write_record();
    }
    activate(instance->launch());
}

void VassalHost::report_reconfigured(const supervise::Report& what) {
    // An edit and its taking back may come to nothing.
    remember("reconfigured", what.generation, what.text + (reconfigured_.keys.empty() ? "" : ": " + reconfigured_.keys));
    common::log::info("reconfigured", {{"vassal", name_}, {"generation", what.generation}, {"class", reconfigured_.change},
                                       {"keys", reconfigured_.keys}, {"reason", what.text}});
}

}  // namespace emperor::fleet
