// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/vassal_host.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <functional>

#include "common/log/log.h"
#include "emperor/fleet/record.h"
#include "emperor/fleet/rendezvous.h"

namespace emperor::fleet {

namespace link = common::link;
using common::config::Diagnostics;

VassalHost::VassalHost(boost::asio::io_context& io, HostContext& context, const FleetOptions& options,
                       Keepsakes& keepsakes, std::string name, bool owns_directory)
    : io_(io), context_(context), options_(options), keepsakes_(keepsakes), name_(std::move(name)),
      // The name and the process seed the jitter: vassals that crash together do not come back together.
      machine_(static_cast<std::uint32_t>(std::hash<std::string>{}(name_)) ^ static_cast<std::uint32_t>(::getpid()),
               read_held(options.directory_of(name_))),
      pool_(name_, options.sockets_directory(), keepsakes), timer_(io), observation_timer_(io), handover_timer_(io),
      app_reloads_(options.app_reload_spacing), app_reload_timer_(io), source_timer_(io),
      sleeper_(io, [this] { push(supervise::Woken{}); }), idle_timer_(io), hold_timer_(io),
      history_(options.history_of(name_)), shown_since_us_(epoch_us()),
      held_(read_held(options.directory_of(name_))), owns_directory_(owns_directory), record_timer_(io),
      counts_(owns_directory ? options.directory_of(name_) : "") {
    if (owns_directory_) {
        left_rollback_ = kept_rollback_ = read_rollback(options_.directory_of(name_));
        last_good_ = left_rollback_.last_good;
        scale_ = read_scale(options.directory_of(name_));
        resume_failing_since();
    }
    // Counters go on. What the keeper has may be of another version: a new one is made with the first start then.
    common::UniqueFd kept = keepsakes_.take_scoreboard(name_);
    if (!kept) return;
    if (auto mapped = common::scoreboard::map(kept.get())) use_scoreboard(std::move(kept), std::move(*mapped));
}

VassalHost::~VassalHost() {
    answer_now();
    if (is_left_) return;
    if (!routed_hosts_.empty()) context_.route(name_, {}, "");
    if (owns_directory_) {
        if (is_removed_) static_cast<void>(write_rollback(options_.directory_of(name_), {}));
        remove_vassal_directory(options_.directory_of(name_));
    }
    keepsakes_.drop_scoreboard(name_);
}

// ---- events ---------------------------------------------------------------------------------------------------------

void VassalHost::push(supervise::VassalEvent event) {
    events_.push_back(std::move(event));
    if (is_working_) return;
    is_working_ = true;
    while (!events_.empty()) {
        const supervise::VassalEvent next = std::move(events_.front());
        events_.pop_front();
        const supervise::Commands commands = machine_.on(next, common::Clock::now());
        after_event(next);
        for (const supervise::Command& command : commands) execute(command);
    }
    is_working_ = false;
    settle();
    look_after_routes();
}

// What the machine just learnt is true of the instances too, before commands refer to them.
void VassalHost::after_event(const supervise::VassalEvent& event) {
    if (const auto* exited = std::get_if<supervise::InstanceExited>(&event)) instances_.erase(exited->generation);
}

void VassalHost::settle() {
    const supervise::VassalStatus status = machine_.status();
    if (status.state != shown_ || !has_shown_) show(status.state);
    if (auto held = status.is_held ? std::optional(status.held_reason) : std::nullopt; held != held_) {
        held_ = std::move(held);
        write_held();
    }
    if (rollback_ && status.rolled_back.empty()) rollback_.reset();  // it failed, was refused or overtaken
    keep_rollback();
    close_what_nobody_starts();
    look_after_sleep(status);
    look_after_clients(status);
    if (has_processes()) return;
    // Nobody will accept: clients are better told so at once than left in a queue. A start opens them again.
    if (status.state == supervise::DisplayState::stopped || is_shutting_down_) {
        for (const LaunchPtr& launch : {newest_, activated_, rollback_}) {
            if (launch) {
                launch->listeners.clear();
                launch->has_listeners = false;
            }
        }
    }
    context_.became_idle(name_);
}

// What the file asks for was rejected, or rolled back from: it is not started before something changes, and its sockets would
// only collect clients. A start opens them again.
void VassalHost::close_what_nobody_starts() {
    const bool is_used = std::ranges::any_of(instances_, [this](const auto& item) { return item.second->launch() == newest_; });
    if (!newest_ || is_used || newest_ == next_launch()) return;
    newest_->listeners.clear();
    newest_->has_listeners = false;
}

// The first state that a new emperor finds may be the one that the former one saw begin.
void VassalHost::show(supervise::DisplayState state) {
    const std::string name(supervise::name_of(state));
    const bool goes_on = !std::exchange(has_shown_, true) && counts_.state() == name;
    shown_ = state;
    shown_since_us_ = goes_on ? counts_.since_us() : epoch_us();
    if (!goes_on) counts_.show(name, shown_since_us_);
    context_.state_changed();
}

bool VassalHost::desire(DeploymentPtr deployment, const std::string& cause, supervise::Change change) {
    deployment = with_scale(std::move(deployment));
    file_ = deployment->file;
    is_removed_ = false;
    if (resume_rollback(deployment)) return true;
    auto launch = std::make_shared<Launch>();
    launch->deployment = deployment;
    // A vassal that is not going to run claims no address.
    if (deployment->spec->is_enabled && !machine_.status().is_held) {
        auto opened = pool_.open(*deployment);
        if (!opened) {
            show_invalid(deployment->file, {opened.error()});
            return false;
        }
        launch->listeners = std::move(*opened);
        launch->has_listeners = true;
    }
    // A socket that was opened anew is for a new generation.
    if (!has_listeners_of(*launch)) change = supervise::Change::rollout;
    diagnostics_.clear();
    invalid_text_.clear();
    desired_ = std::move(deployment);
    newest_ = std::move(launch);
    push(supervise::ConfigChanged{desired_->spec, {cause}, change});
    return true;
}

void VassalHost::recover() {
    diagnostics_.clear();
    invalid_text_.clear();
    if (desired_) push(supervise::ConfigChanged{desired_->spec, {"valid again"}});
}

void VassalHost::refuse(std::string file, Diagnostics diagnostics) {
    is_removed_ = false;
    show_invalid(std::move(file), std::move(diagnostics));
}

void VassalHost::show_invalid(std::string file, Diagnostics diagnostics) {
    if (file_.empty() || !desired_) file_ = std::move(file);
    const std::string text = common::config::render(diagnostics);
    if (text == invalid_text_) return;
    invalid_text_ = text;
    diagnostics_ = std::move(diagnostics);
    std::string headline;
    for (const auto& diagnostic : diagnostics_) {
        if (diagnostic.severity != common::config::Diagnostic::Severity::error) continue;
        if (!headline.empty())  // the machine reports the first one
            common::log::error("invalid", {{"vassal", name_}, {"reason", common::config::headline(diagnostic)}});
        else headline = common::config::headline(diagnostic);
    }
    push(supervise::ConfigInvalid{std::move(headline)});
}

void VassalHost::remove() {
    file_.clear();
    diagnostics_.clear();
    invalid_text_.clear();
    is_removed_ = true;
    keep_scale({});
    push(supervise::ConfigRemoved{});
}

void VassalHost::refresh(std::shared_ptr<const common::config::Effective> effective) {
    auto fresh = std::make_shared<Deployment>(*desired_);
    fresh->effective = std::move(effective);
    if (fresh->of_file && scale_) {
        fresh->of_file = fresh->effective;
        fresh->effective = scaled(*fresh->of_file, *scale_);
    }
    replace_desired(std::move(fresh));
}

void VassalHost::replace_desired(DeploymentPtr fresh) {
    for (const LaunchPtr& launch : {newest_, activated_}) {
        if (launch && launch->deployment == desired_) launch->deployment = fresh;
    }
    desired_ = std::move(fresh);
}

void VassalHost::request(supervise::Operation operation, const Actor& actor, Done done) {
    static constexpr std::string_view names[] = {"start", "stop", "restart", "reload", "rollback"};
    const std::string_view word = names[static_cast<std::size_t>(operation)];
    const std::uint64_t ticket = ++last_ticket_;
    waiting_.emplace(ticket, std::move(done));
    const std::string who = actor.name.empty() ? std::to_string(actor.uid) : actor.name;
    common::log::info("operator request",
                      {{"vassal", name_}, {"operation", word}, {"user", who}, {"uid", actor.uid}, {"pid", actor.pid}});
    remember("requested", 0, "operator " + who + " (pid " + std::to_string(actor.pid) + "): " + std::string(word));
    supervise::SpecPtr last_good;
    if (operation == supervise::Operation::rollback) {
        auto prepared = prepare_rollback();
        if (!prepared) return finish({ticket, false, {"listen", prepared.error().message(), ""}});
        last_good = std::move(*prepared);
    }
    push(supervise::OperatorRequest{operation, ticket, {"operator " + who + ": " + std::string(word)}, std::move(last_good)});
}

void VassalHost::grant_slot() { push(supervise::StartSlotGranted{}); }

void VassalHost::shut_down(supervise::StopMode mode) {
    is_shutting_down_ = true;
    push(supervise::ShutdownBegan{mode});
}

void VassalHost::reopen_logs() {
    for (const auto& [generation, instance] : instances_) instance->send(link::ReopenLogs{});
}

// ---- what instances say ---------------------------------------------------------------------------------------------

void VassalHost::on_message(Instance& instance, const link::MasterMessage& message) {
    const supervise::Generation generation = instance.generation();
    if (const auto* hello = std::get_if<link::Hello>(&message)) {
        instance.set_minor(hello->minor);
        if (hello->version != link::protocol_version)
            push(supervise::InstanceFailed{
                generation, {"link", "the vassal program speaks another version of the link protocol", ""}});
    } else if (const auto* step = std::get_if<link::Step>(&message)) {
        push(supervise::InstanceStep{generation, step->name});
    } else if (std::get_if<link::Ready>(&message)) {
        instance.set_state(Instance::State::ready);
        look_after_clients(machine_.status());  // first nobody is refused any more, then it is promoted
        push(supervise::InstanceReady{generation});
    } else if (const auto* failed = std::get_if<link::Failed>(&message)) {
        push(supervise::InstanceFailed{generation, {failed->step, failed->reason, failed->detail}});
    } else if (std::get_if<link::Promoted>(&message)) {
        instance.set_state(Instance::State::serving);
        failed_sources_.clear();
        push(supervise::InstancePromoted{generation});
        write_record();
    } else if (std::get_if<link::Draining>(&message)) {
        instance.has_stopped_accepting();
        answer_when_handed_over();
        look_after_sleep(machine_.status());
    } else if (std::get_if<link::Suspended>(&message)) {
        if (instance.state() == Instance::State::suspended) instance.has_stopped_accepting();
        answer_when_handed_over();
    } else if (const auto* serving = std::get_if<link::ServingChanged>(&message)) {
        push(supervise::InstanceServing{generation, serving->is_serving, serving->reason});
    } else if (const auto* wish = std::get_if<link::ReloadRequested>(&message)) {
        on_app_reload(instance, *wish);
    } else if (const auto* answer = std::get_if<link::Reconfigured>(&message)) {
        on_reconfigured(instance, *answer);
    } else if (const auto* sources = std::get_if<link::SourcesChanged>(&message)) {
        on_sources_changed(instance, *sources);
    } else if (const auto* failed_of = std::get_if<link::FailedSources>(&message)) {
        on_failed_sources(instance, *failed_of);
    } else if (const auto* log_file = std::get_if<link::LogFile>(&message)) {
        on_log_file(instance, *log_file);
    } else if (const auto* started = std::get_if<link::WorkerStarted>(&message)) {
        common::log::info("worker started", {{"vassal", name_}, {"generation", generation}, {"worker", started->worker},
                                             {"pid", started->pid}});
    } else if (const auto* exited = std::get_if<link::WorkerExited>(&message); exited && exited->pid == 0) {
        // No process, so nothing exited: the mold that was to make it is not there. Often no reason is known
        // but the failed start, which is reported by itself.
        if (exited->reason == exited->status.text()) return;
        common::log::warn("worker not started", {{"vassal", name_}, {"generation", generation}, {"worker", exited->worker},
                                                 {"reason", exited->reason}, {"retry_ms", exited->retry_ms}});
        if (!exited->expected)
            remember_failure("worker_not_started", generation,
                             "worker " + std::to_string(exited->worker) + ": " + exited->reason);
    } else if (exited) {
        common::log::write(exited->expected ? common::log::Level::info : common::log::Level::warn, "worker exited",
                           {{"vassal", name_}, {"generation", generation}, {"worker", exited->worker},
                            {"pid", exited->pid}, {"status", exited->status.text()}, {"reason", exited->reason},
                            {"retry_ms", exited->retry_ms}});
        if (!exited->expected)
            remember_failure("worker_exited", generation, "worker " + std::to_string(exited->worker) + " (pid " +
                             std::to_string(exited->pid) + "): " + exited->reason, exited->worker);
    }
}

void VassalHost::on_log(const link::LogRecord& record) { context_.log_line(name_, record); }

void VassalHost::on_log_file(Instance& instance, const link::LogFile& message) {
    if (message.problem == instance.log_problem()) return;
    const bool is_mended = message.problem.empty();
    remember(is_mended ? "log_recovered" : "log_failed", instance.generation(),
             is_mended ? "the trouble with log.file is over" : message.problem);
    instance.set_log_problem(message.problem);
    context_.state_changed();
}

void VassalHost::on_deadline(Instance& instance) { push(supervise::TimerFired{instance.generation()}); }

void VassalHost::on_exit(Instance& instance, const common::ExitStatus& waited) {
    const supervise::Generation generation = instance.generation();
    const auto state = instance.state();
    const common::ExitStatus status = state == Instance::State::killing ? waited : context_.explained(waited);
    common::log::write(status.is_success() || state == Instance::State::draining ? common::log::Level::info
                                                                                 : common::log::Level::warn,
                       "master exited", {{"vassal", name_}, {"generation", generation}, {"pid", instance.pid()},
                                         {"status", status.text()}});
    // A master that was to end took its workers along, or was killed with them; any other may have left some.
    const auto drain = state == Instance::State::killing ? common::Duration{}
                                                         : instance.launch()->deployment->spec->drain_timeout;
    context_.process_ended(instance.pid(), instance.is_child(), common::Clock::now() + drain);
    ::unlink(rendezvous_path(options_, name_, generation).c_str());
    instance.has_stopped_accepting();
    answer_when_handed_over();
    push(supervise::InstanceExited{generation, status});
    write_record();
}

// ---- views ----------------------------------------------------------------------------------------------------------

Instance* VassalHost::find(supervise::Generation generation) const {
    const auto found = instances_.find(generation);
    return found == instances_.end() ? nullptr : found->second.get();
}

std::string VassalHost::role_of(const Instance& instance, const supervise::VassalStatus& status) const {
    if (instance.generation() == status.active) return "active";
    if (instance.generation() == status.standby) return "standby";
    return instance.generation() == status.successor ? "successor" : "draining";
}

VassalView VassalHost::view() const {
    VassalView view = glance();
    view.history.assign(history_.entries().begin(), history_.entries().end());
    return view;
}

VassalView VassalHost::glance() const {
    VassalView view;
    view.name = name_;
    view.file = file_;
    view.diagnostics = diagnostics_;
    view.status = machine_.status();
    view.since_us = shown_since_us_;
    if (hold_machine_.is_answering() && view.status.state != supervise::DisplayState::running)
        view.status.reason += "; clients get 503";
    if (view.status.retry_at) {
        const auto left = std::chrono::duration_cast<std::chrono::microseconds>(*view.status.retry_at - common::Clock::now());
        view.retry_at_us = epoch_us() + left.count();
    }
    for (const auto& [generation, instance] : instances_) {
        const bool is_starting = instance->state() == Instance::State::starting;
        view.instances.push_back({generation, instance->pid(), instance->bank(), role_of(*instance, view.status),
                                  std::string(name_of(instance->state())), is_starting ? instance->step() : "",
                                  instance->started_us()});
    }
    show_rollback(view);
    const Instance* active = find(view.status.active);
    const DeploymentPtr& shown = active ? active->launch()->deployment : desired_;
    if (shown) {
        view.effective = shown->effective.get();
        view.identity = &shown->identity;
    } else {
        view.file_owner = file_owner_;
    }
    if (active && !active->log_problem().empty()) {
        if (!view.status.reason.empty()) view.status.reason += "; ";
        view.status.reason += active->log_problem();
    }
    if (board_) view.board = &board_.board();
    const LaunchPtr open = active ? active->launch() : next_launch();
    if (open) {
        for (const auto& listener : open->listeners) {
            view.listeners.push_back(listener->address());
            view.listener_fds.push_back(listener->fd());
        }
    }
    if (shown && shown->of_file) view.workers_of_file = shown->of_file->values->at("workers");
    const auto& history = history_.entries();
    const auto crash = std::find_if(history.rbegin(), history.rend(),
                                    [](const HistoryEntry& entry) { return entry.event == "crashed"; });
    if (crash != history.rend()) view.last_crash = *crash;
    view.restarts = counts_.restarts();
    view.reloads = counts_.reloads();
    view.failed_reloads = failed_reloads_;
    return view;
}

}  // namespace emperor::fleet
