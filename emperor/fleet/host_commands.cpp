// SPDX-License-Identifier: Apache-2.0
// How a host carries out what its machine decided.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <deque>
#include <map>
#include <utility>

#include "common/log/log.h"
#include "emperor/fleet/record.h"
#include "emperor/fleet/vassal_host.h"

namespace emperor::fleet {

namespace link = common::link;
using supervise::Report;

namespace {

constexpr std::size_t last_log_lines = 20;
// Of a failure: what the app said just before.
constexpr std::size_t detail_lines = 15;
constexpr std::int64_t detail_age_us = 60'000'000;
constexpr auto handover_patience = std::chrono::seconds(1);
constexpr auto record_pause = std::chrono::seconds(1);

// The word for logs and history, and how loud it is.
struct ReportStyle {
    const char* event;
    common::log::Level level;
};

ReportStyle style_of(Report::Kind kind) {
    using common::log::Level;
    switch (kind) {
        case Report::Kind::starting: return {"starting", Level::info};
        case Report::Kind::running: return {"running", Level::info};
        case Report::Kind::reloading: return {"reloading", Level::info};
        case Report::Kind::reloaded: return {"reloaded", Level::info};
        case Report::Kind::reload_failed: return {"reload failed", Level::error};
        case Report::Kind::start_failed: return {"start failed", Level::error};
        case Report::Kind::crashed: return {"crashed", Level::error};
        case Report::Kind::backoff: return {"backoff", Level::warn};
        case Report::Kind::stopping: return {"stopping", Level::info};
        case Report::Kind::stopped: return {"stopped", Level::info};
        case Report::Kind::removed: return {"removed", Level::info};
        case Report::Kind::invalid: return {"invalid", Level::error};
        case Report::Kind::degraded: return {"degraded", Level::warn};
        case Report::Kind::recovered: return {"recovered", Level::info};
        case Report::Kind::sleeping: return {"sleeping", Level::info};
        case Report::Kind::observing: return {"observing", Level::info};
        case Report::Kind::observed: return {"observed", Level::info};
        case Report::Kind::rolled_back: return {"rolled back", Level::error};
        case Report::Kind::standby_lost: return {"standby lost", Level::warn};
        case Report::Kind::reconfigured: return {"reconfigured", Level::info};
        case Report::Kind::recycle_failed: return {"recycle failed", Level::error};
    }
    return {"unknown", Level::info};
}

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};

}  // namespace

void VassalHost::execute(const supervise::Command& command) {
    std::visit(
        Overloaded{
            [this](const supervise::AcquireStartSlot& slot) { context_.acquire_slot(name_, slot.turn); },
            [this](const supervise::ReleaseStartSlot&) { context_.release_slot(name_); },
            [this](const supervise::Spawn& spawn_command) { spawn(spawn_command); },
            [this](const supervise::SendPromote& promote) {
                Instance* instance = find(promote.generation);
                if (!instance) return;
                note_answers(*instance);
                instance->send(link::Promote{});
            },
            [this](const supervise::SendStop& stop) {
                Instance* instance = find(stop.generation);
                if (!instance) return;
                instance->set_state(Instance::State::draining);
                instance->send(link::Stop{stop.mode == supervise::StopMode::graceful, stop.reason});
            },
            [this](const supervise::Kill& kill) {
                Instance* instance = find(kill.generation);
                if (!instance) return;
                instance->set_state(Instance::State::killing);
                instance->kill();
            },
            [this](const supervise::ArmTimer& timer) {
                if (timer.generation == 0) arm_own(timer.deadline);
                else if (Instance* instance = find(timer.generation)) instance->arm(timer.deadline);
            },
            [this](const supervise::DisarmTimer& timer) {
                if (timer.generation == 0) timer_.disarm();
                else if (Instance* instance = find(timer.generation)) instance->disarm();
            },
            [this](const supervise::Activated& activated) { on_activated(activated); },
            [this](const supervise::OperationDone& done) { finish(done); },
            [this](const Report& what) { report(what); },
            [this](const supervise::Forget&) { context_.forget(name_); },
            [this](const supervise::SendSuspend& suspend) {
                Instance* instance = find(suspend.generation);
                if (!instance) return;
                if (!instance->is_linked()) {  // no signal suspends it: its end is the end of the observation
                    instance->set_state(Instance::State::draining);
                    instance->send(link::Stop{true, "it cannot be kept as a standby"});
                    return;
                }
                instance->set_state(Instance::State::suspended);
                instance->send(link::Suspend{});
                begin_observation();
            },
            [this](const supervise::SendResume& resume) {
                Instance* instance = find(resume.generation);
                if (!instance) return;
                instance->set_state(Instance::State::serving);
                instance->has_begun_accepting();
                instance->send(link::Resume{});
            },
            [this](const supervise::Reconfigure& order) { reconfigure(order); },
        },
        command);
}

void VassalHost::arm_own(common::TimePoint deadline) {
    timer_.arm(deadline, [this] { push(supervise::TimerFired{0}); });
}

LaunchPtr VassalHost::launch_of(std::uint64_t spec) const {
    for (const LaunchPtr& launch : {newest_, activated_, rollback_}) {
        if (launch && launch->deployment->spec->id == spec) return launch;
    }
    for (const auto& [generation, instance] : instances_) {
        if (instance->launch()->deployment->spec->id == spec) return instance->launch();
    }
    return nullptr;
}

LaunchPtr VassalHost::next_launch() const {
    const LaunchPtr next = launch_of(machine_.status().next_spec);
    return next ? next : newest_;
}

// Listeners and scoreboard of a launch: they are there but for the first start, and for a start after a stop.
common::Result<void> VassalHost::prepare(Launch& launch) {
    if (!launch.has_listeners) {
        auto opened = pool_.open(*launch.deployment);
        if (!opened) return common::failure(common::config::headline(opened.error()));
        launch.listeners = std::move(*opened);
        launch.has_listeners = true;
    }
    if (board_) return {};
    auto created = common::scoreboard::create(name_);
    if (!created) return created.error();
    auto mapped = common::scoreboard::map(created->get());
    if (!mapped) return mapped.error();
    use_scoreboard(std::move(*created), std::move(*mapped));
    return {};
}

void VassalHost::use_scoreboard(common::UniqueFd fd, common::scoreboard::Mapping board) {
    scoreboard_ = std::move(fd);
    board_ = std::move(board);
    keepsakes_.keep_scoreboard(name_, scoreboard_.get());
}

// Where a socket file was removed, new listeners in its place; a running generation keeps the old ones to its end.
LaunchPtr VassalHost::with_sockets_in_place(LaunchPtr launch) {
    const auto is_in_place = [](const ListenerPtr& listener) { return listener->is_in_place(); };
    if (!launch || !launch->has_listeners || std::ranges::all_of(launch->listeners, is_in_place)) return launch;
    auto opened = pool_.open(*launch->deployment);
    if (!opened) {
        common::log::warn("socket lost", {{"vassal", name_}, {"reason", common::config::headline(opened.error())}});
        return launch;
    }
    const auto fresh = std::make_shared<Launch>(Launch{launch->deployment, std::move(*opened), true});
    for (LaunchPtr* held : {&newest_, &activated_, &rollback_}) {
        if (*held == launch) *held = fresh;
    }
    return fresh;
}

void VassalHost::spawn(const supervise::Spawn& command) {
    const LaunchPtr launch = with_sockets_in_place(launch_of(command.spec->id));
    auto fail = [&](const char* step, std::string reason) {
        push(supervise::InstanceSpawnFailed{command.generation, {step, std::move(reason), ""}});
    };
    if (!launch) return fail("spawn", "its configuration was replaced meanwhile");
    if (const auto prepared = prepare(*launch); !prepared) return fail("listen", prepared.error().message());
    auto parts = start_instance(options_, {name_, command.generation, command.bank, launch, scoreboard_.get()});
    if (!parts) return fail("spawn", parts.error().message());
    const pid_t pid = parts->process.pid;
    context_.process_started();
    auto instance = std::make_unique<Instance>(io_, *this, std::move(*parts));
    instance->set_state(Instance::State::starting);
    instances_[command.generation] = std::move(instance);
    common::log::debug("spawned", {{"vassal", name_}, {"generation", command.generation}, {"pid", pid}});
    write_record();
    push(supervise::InstanceSpawned{command.generation, pid});
}

void VassalHost::remember(std::string event, supervise::Generation generation, std::string text) {
    note({epoch_us(), std::move(event), generation, std::move(text), {}});
}

void VassalHost::note_event(const std::string& event, const std::string& text) {
    remember(event, machine_.status().active, text);
}

void VassalHost::remember_failure(std::string event, supervise::Generation generation, std::string text, int worker) {
    note({epoch_us(), std::move(event), generation, std::move(text), last_lines(worker)});
}

void VassalHost::note(HistoryEntry entry) {
    const bool had_problem = !history_.problem().empty();
    history_.add(std::move(entry));
    if (!had_problem && !history_.problem().empty())
        common::log::warn("history not written", {{"vassal", name_}, {"reason", history_.problem()}});
    context_.event(name_, history_.entries().back());
}

// What an earlier process of this worker said before its own end explains nothing.
std::string VassalHost::last_lines(int worker) {
    if (!board_) return {};
    const std::int64_t now_us = epoch_us(), oldest_us = now_us - detail_age_us;
    std::map<int, std::int64_t> told_us = told_us_;
    std::deque<std::string> lines;
    for (auto& record : common::scoreboard::read_log(board_.board())) {
        if (worker != 0 && record.worker != 0 && record.worker != worker) continue;
        const auto told = told_us_.find(record.worker);
        const bool is_told = told != told_us_.end() && told->second <= now_us && record.time_us <= told->second;
        if (is_told || record.time_us <= oldest_us) continue;
        told_us[record.worker] = record.time_us;
        lines.push_back(std::move(record.text));
        if (lines.size() > detail_lines) lines.pop_front();
    }
    told_us_ = std::move(told_us);
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

void VassalHost::report(const Report& what) {
    if (what.kind == Report::Kind::reconfigured) return report_reconfigured(what);
    const ReportStyle style = style_of(what.kind);
    // It may have waited for a start slot: reloads are spaced out, not the orders for them.
    if (what.kind == Report::Kind::reloading && what.text == app_reload_.cause) app_reloads_.took_effect(common::Clock::now());
    if (what.kind == Report::Kind::crashed) counts_.add_restart();
    if (what.kind == Report::Kind::reloaded) counts_.add_reload();
    if (what.kind == Report::Kind::reload_failed) ++failed_reloads_;
    // What went wrong in the app, that is; an invalid file speaks for itself.
    const bool is_failure = style.level == common::log::Level::error && what.kind != Report::Kind::invalid;
    if (is_failure) remember_failure(style.event, what.generation, what.text);
    else remember(style.event, what.generation, what.text);
    if (what.generation == 0)  // about the vassal as a whole
        common::log::write(style.level, style.event, {{"vassal", name_}, {"reason", what.text}});
    else
        common::log::write(style.level, style.event,
                           {{"vassal", name_}, {"generation", what.generation}, {"reason", what.text}});
}

void VassalHost::finish(const supervise::OperationDone& done) {
    const auto found = waiting_.find(done.ticket);
    if (found == waiting_.end()) return;
    if (done.ok && is_handing_over()) {
        handing_over_.push_back(std::move(found->second));
        waiting_.erase(found);
        return handover_timer_.arm_after(handover_patience, [this] { answer_now(); });
    }
    Outcome outcome{done.ok, done.failure, {}};
    if (done.ok && machine_.status().is_asleep) outcome.note = "asleep; it wakes with the file and the code as they are then";
    if (!done.ok && board_) outcome.last_log = common::scoreboard::read_log(board_.board(), last_log_lines);
    boost::asio::post(io_, [callback = std::move(found->second), outcome = std::move(outcome)] { callback(outcome); });
    waiting_.erase(found);
}

bool VassalHost::is_handing_over() const {
    return std::ranges::any_of(instances_, [](const auto& item) {
        const Instance::State state = item.second->state();
        return (state == Instance::State::draining || state == Instance::State::suspended) && item.second->is_accepting();
    });
}

void VassalHost::answer_when_handed_over() {
    if (!is_handing_over()) answer_now();
}

void VassalHost::answer_now() {
    handover_timer_.disarm();
    for (Done& callback : std::exchange(handing_over_, {}))
        boost::asio::post(io_, [done = std::move(callback)] { done(Outcome{true, {}, {}}); });
}

void VassalHost::write_record() {
    record_timer_.disarm();
    if (!owns_directory_) return;
    std::vector<RecordedInstance> recorded;
    for (const auto& [generation, instance] : instances_) {
        RecordedInstance item;
        item.generation = generation;
        item.pid = instance->pid();
        item.start_ticks = instance->start_ticks();
        item.bank = instance->bank();
        item.state = std::string(name_of(instance->state()));
        item.deployment = instance->launch()->deployment;
        item.started_us = instance->started_us();
        if (instance->state() == Instance::State::suspended) item.observed_until_us = observed_until_us();
        item.is_settled = instance->is_settled();
        for (const auto& listener : instance->launch()->listeners) item.socket_inodes.push_back(listener->socket_inode());
        recorded.push_back(std::move(item));
    }
    const auto written = fleet::write_record(options_.directory_of(name_), recorded);
    const std::string problem = written ? "" : written.error().message();
    const std::string before = std::exchange(record_problem_, problem);
    if (written) {
        if (!before.empty()) common::log::info("record written", {{"vassal", name_}});
        return;
    }
    if (before != problem) common::log::warn("record not written", {{"vassal", name_}, {"reason", problem}});
    // Without it the next emperor could not adopt what runs, and would start another one beside it.
    record_timer_.arm_after(record_pause, [this] { write_record(); });
}

void VassalHost::write_held() const {
    if (!owns_directory_) return;
    if (const auto written = fleet::write_held(options_.directory_of(name_), held_); !written)
        common::log::warn("hold not recorded", {{"vassal", name_}, {"reason", written.error().message()}});
}

}  // namespace emperor::fleet
