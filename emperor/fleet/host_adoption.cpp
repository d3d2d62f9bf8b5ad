// SPDX-License-Identifier: Apache-2.0
// How a host hands its vassal to the next emperor and takes it from a former one, and how it mends what others removed
// from the runtime directory meanwhile.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/log/log.h"
#include "emperor/fleet/record.h"
#include "emperor/fleet/rendezvous.h"
#include "emperor/fleet/scale.h"
#include "emperor/fleet/vassal_host.h"

namespace emperor::fleet {

namespace {

// The first address whose file is gone or somebody else's; "" where clients reach all.
std::string lost_socket(const Launch& launch) {
    for (const auto& listener : launch.listeners) {
        if (!listener->is_in_place()) return listener->address().address.path;
    }
    return "";
}

bool is_reached(const ListenerSet& listeners) {
    return std::ranges::all_of(listeners, [](const ListenerPtr& listener) { return listener->is_in_place(); });
}

bool is_socket(const std::string& path) {
    struct stat found {};
    return ::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

}  // namespace

void VassalHost::leave() {
    is_left_ = true;
    write_record();
    for (const auto& listener : pool_.live()) listener->leave_file();
}

void VassalHost::adopt(InstanceParts parts, common::UniqueFd scoreboard, common::scoreboard::Mapping board,
                       const AdoptedAs& role) {
    if (!board_ && scoreboard) use_scoreboard(std::move(scoreboard), std::move(board));
    const LaunchPtr launch = parts.launch;
    file_ = launch->deployment->file;
    const bool is_secondary = role.is_draining || role.is_standby;
    if (!is_secondary || !desired_) {
        desired_ = launch->deployment;
        newest_ = launch;
    }
    const bool is_active = !role.is_draining && !(role.is_standby && activated_);
    if (is_active) activated_ = launch;
    const bool is_linked = static_cast<bool>(parts.link);
    const supervise::InstanceAdopted event{parts.generation, parts.bank, launch->deployment->spec, parts.process.pid,
                                           role.is_draining, role.is_standby,
                                           activated_ ? observe_left(role.observed_until_us, *activated_->deployment->spec)
                                                      : common::Duration{}};
    for (const auto& [generation, other] : instances_)
        if (role.is_standby && other->launch() == activated_) note_answers(*other);  // what was counted before is not known
    context_.process_started();
    auto instance = std::make_unique<Instance>(io_, *this, std::move(parts));
    instance->set_state(role.is_draining ? Instance::State::draining : Instance::State::serving);
    if (is_secondary) instance->has_stopped_accepting();
    instances_.emplace(event.generation, std::move(instance));
    common::log::info("adopted", {{"vassal", name_}, {"generation", event.generation}, {"pid", event.pid},
                                  {"linked", is_linked}});
    remember("adopted", event.generation, "by emperor " EMPEROR_VERSION " (pid " + std::to_string(::getpid()) + ")");
    push(event);
    if (is_active) resume_rollback_of(launch);
    write_record();
}

void VassalHost::adopt_unlinked(InstanceParts parts, const std::string& why) {
    const supervise::Generation generation = parts.generation;
    unlinked_because_ = why;
    adopt(std::move(parts), {}, {}, AdoptedAs{});
    remember("not reached", generation, why + "; it serves until its successor is ready");
}

void VassalHost::replace_unlinked() {
    if (unlinked_because_.empty() || is_removed_ || !desired_ || !invalid_text_.empty()) return;
    const std::string why = std::exchange(unlinked_because_, {});
    const Instance* active = find(machine_.status().active);
    if (!active || active->is_linked() || active->launch()->deployment != desired_) return;  // replaced already
    roll_out_again("the running master could not be taken over: " + why);
}

// The same configuration, as a new wish.
bool VassalHost::roll_out_again(const std::string& cause) {
    auto again = std::make_shared<Deployment>(*desired_);
    again->spec = make_spec(again->effective->config);
    return desire(std::move(again), cause);
}

void VassalHost::restore_sockets() {
    const supervise::VassalStatus status = machine_.status();
    const LaunchPtr next = status.is_asleep ? next_launch() : nullptr;
    if (next && (!next->has_listeners || !lost_socket(*next).empty())) {
        static_cast<void>(with_sockets_in_place(next));
        return look_after_sleep(status);
    }
    const Instance* active = find(status.active);
    if (!active || status.state != supervise::DisplayState::running || !invalid_text_.empty()) return;
    if (is_removed_ || !desired_ || active->launch()->deployment != desired_) return;
    std::string missing = lost_socket(*active->launch());
    const std::string rendezvous = rendezvous_path(options_, name_, active->generation());
    if (missing.empty() && active->is_linked() && !is_socket(rendezvous)) missing = rendezvous;
    if (missing.empty()) {
        socket_problem_.clear();
        return;
    }
    const auto opened = pool_.open(*desired_);
    std::string problem = opened ? "" : common::config::headline(opened.error());
    if (opened && !is_reached(*opened)) problem = "another socket is there by now (of systemd?): restart the emperor";
    if (!problem.empty() && problem != socket_problem_)
        common::log::error("socket lost", {{"vassal", name_}, {"socket", missing}, {"reason", problem}});
    socket_problem_ = problem;
    if (problem.empty()) roll_out_again("its socket was removed: " + missing);
}

void VassalHost::restore_files() {
    if (!owns_directory_) return;
    counts_.write();
    if (held_) write_held();
    const std::string directory = options_.directory_of(name_);
    if (kept_rollback_.last_good) static_cast<void>(write_rollback(directory, kept_rollback_));
    if (scale_) static_cast<void>(write_scale(directory, scale_));
    if (!instances_.empty()) write_record();
}

void VassalHost::own_directory() {
    if (std::exchange(owns_directory_, true)) return;
    counts_.move_to(options_.directory_of(name_));
}

}  // namespace emperor::fleet
