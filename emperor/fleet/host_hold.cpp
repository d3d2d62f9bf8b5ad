// SPDX-License-Identifier: Apache-2.0
// Clients of a vassal that cannot be started: what HoldFsm is told, and what it wants done.
#include "common/log/log.h"
#include "emperor/fleet/vassal_host.h"

namespace emperor::fleet {

using supervise::DisplayState;

namespace {

// Whether clients may wait for it: their sockets are open, and somebody is to serve them.
bool is_wanted(const supervise::VassalStatus& status) {
    switch (status.state) {
        case DisplayState::stopped:
        case DisplayState::stopping:
        case DisplayState::sleeping: return false;
        case DisplayState::running:
        case DisplayState::starting:
        case DisplayState::reloading:
        case DisplayState::observing:
        case DisplayState::rolled_back:
        case DisplayState::backoff:
        case DisplayState::failed:
        case DisplayState::invalid: break;
    }
    return !status.is_asleep;
}

common::Duration until(const std::optional<common::TimePoint>& time) {
    return time ? std::max(*time - common::Clock::now(), common::Duration{}) : common::Duration{};
}

}  // namespace

void VassalHost::look_after_clients(const supervise::VassalStatus& status) {
    supervise::HoldView view;
    const Instance* successor = find(status.successor);
    view.is_wanted = !is_shutting_down_ && !is_removed_ && desired_ && is_wanted(status);
    view.is_serving = status.is_serving;
    view.has_master = status.active != 0;
    view.is_promoting = successor && successor->state() == Instance::State::ready;
    view.is_failing = status.retry_at && status.active == 0;
    if (const LaunchPtr next = next_launch()) view.hold = next->deployment->spec->restart_hold;
    execute(hold_machine_.look(view, common::Clock::now()));
    if (!is_shutting_down_ && !is_left_) keep_failing_since();
    if (hold_ && status.retry_at && status.retry_at != hold_retry_at_) {
        hold_retry_at_ = status.retry_at;
        hold_->next_attempt_in(until(status.retry_at));
    }
}

// Clients do not wait anew because the emperor is another.
void VassalHost::keep_failing_since() {
    const auto since = hold_machine_.failing_since();
    if (since == kept_failing_since_) return;
    kept_failing_since_ = since;
    const auto ago = since ? std::chrono::duration_cast<std::chrono::microseconds>(common::Clock::now() - *since).count() : 0;
    counts_.set_failing_since(since ? epoch_us() - ago : 0);
}

// The clock may have been set meanwhile: never more than it says now.
void VassalHost::resume_failing_since() {
    if (counts_.failing_since_us() == 0) return;
    const std::chrono::microseconds ago(std::max<std::int64_t>(epoch_us() - counts_.failing_since_us(), 0));
    kept_failing_since_ = common::Clock::now() - ago;
    hold_machine_.resume(*kept_failing_since_);
}

void VassalHost::execute(const supervise::HoldCommands& commands) {
    bool could_not_start = false;
    for (const supervise::HoldCommand& command : commands) {
        if (std::holds_alternative<supervise::StartHold>(command)) {
            could_not_start = !start_hold();
        } else if (std::holds_alternative<supervise::EndHold>(command)) {
            if (hold_) hold_->end();
        } else if (std::holds_alternative<supervise::KillHold>(command)) {
            if (hold_) hold_->kill();
        } else if (const auto* arm = std::get_if<supervise::ArmHold>(&command)) {
            if (!arm->deadline) hold_timer_.disarm();
            else hold_timer_.arm(*arm->deadline, [this] { execute(hold_machine_.timer_fired(common::Clock::now())); });
        }
    }
    if (could_not_start) execute(hold_machine_.exited(common::Clock::now()));  // which makes a pause
}

bool VassalHost::start_hold() {
    const auto fail = [this](const std::string& reason) {
        common::log::warn("clients not answered", {{"vassal", name_}, {"reason", reason}});
        return false;
    };
    const LaunchPtr launch = next_launch();  // whose clients are the ones that wait
    if (!launch) return fail("it has no listeners");
    if (!launch->has_listeners) {
        auto opened = pool_.open(*launch->deployment);
        if (!opened) return fail(common::config::headline(opened.error()));
        launch->listeners = std::move(*opened);
        launch->has_listeners = true;
    }
    hold_retry_at_ = machine_.status().retry_at;
    auto started = HoldProcess::start(
        io_, options_, name_, launch, until(hold_retry_at_), [this](const common::ExitStatus& status) {
            common::log::debug("hold process exited",
                               {{"vassal", name_}, {"pid", hold_->pid()}, {"status", status.text()}});
            hold_ended();
        });
    if (!started) return fail(started.error().message());
    hold_ = std::move(*started);
    context_.process_started();
    common::log::warn("clients get 503", {{"vassal", name_}, {"pid", hold_->pid()}});
    remember("clients get 503", 0, "it could not serve for restart.hold");
    return true;
}

void VassalHost::hold_ended() {
    if (hold_) context_.process_ended(hold_->pid(), true, common::Clock::now());
    hold_.reset();
    execute(hold_machine_.exited(common::Clock::now()));
    settle();
    if (is_removed_ && !has_processes()) context_.forget(name_);  // it waited for us
}

}  // namespace emperor::fleet
