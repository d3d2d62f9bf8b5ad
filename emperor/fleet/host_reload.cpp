// SPDX-License-Identifier: Apache-2.0
// A reload that the app itself asks for (emperor.reload()): the operators' own way, behind a limit. An untiring app gets
// a rollout now and then; it never overtakes what an operator waits for.
#include "common/log/log.h"
#include "emperor/fleet/vassal_host.h"

namespace emperor::fleet {

namespace link = common::link;
using supervise::DisplayState;

void VassalHost::on_app_reload(const Instance& instance, const link::ReloadRequested& request) {
    // One that is on its way out, or not promoted yet, has no say.
    if (machine_.status().active != instance.generation()) return;
    std::string cause = "requested by the app";
    if (!request.reason.empty()) cause += ": " + request.reason;
    // The newest wish is the one that waits: an older one may be of a generation that was replaced meanwhile.
    app_reload_ = {instance.generation(), cause + " (worker " + std::to_string(request.worker) + ")"};
    const common::TimePoint now = common::Clock::now();
    const auto due = app_reloads_.wish(now);
    if (!due) return;
    if (*due <= now) return reload_for_app();
    app_reload_timer_.arm(*due, [this] { reload_for_app(); });
}

void VassalHost::reload_for_app() {
    const supervise::VassalStatus status = machine_.status();
    // Replaced meanwhile, being replaced, or brought down: what the app wished for happens anyway, or must not.
    if (status.active != app_reload_.generation || status.state != DisplayState::running) return app_reloads_.withdraw();
    app_reloads_.fulfil(common::Clock::now());
    common::log::info("app request", {{"vassal", name_}, {"generation", status.active}, {"reason", app_reload_.cause}});
    const std::uint64_t ticket = ++last_ticket_;
    waiting_.emplace(ticket, [name = name_](const Outcome& outcome) {
        // A start that failed is reported by the machine; a refusal (an invalid file) by nobody else.
        if (outcome.ok || (outcome.failure.step != "refused" && outcome.failure.step != "configuration")) return;
        common::log::warn("app request refused", {{"vassal", name}, {"reason", outcome.failure.reason}});
    });
    push(supervise::OperatorRequest{supervise::Operation::reload, ticket, {app_reload_.cause}});
}

}  // namespace emperor::fleet
