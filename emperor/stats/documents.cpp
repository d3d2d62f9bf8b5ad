// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/documents.h"

#include <algorithm>

#include "emperor/stats/document_parts.h"

namespace emperor::stats {

namespace {

std::string cut_name(const std::string& path, bool keeps_folder) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return keeps_folder ? std::string() : path;
    return keeps_folder ? path.substr(0, slash) : path.substr(slash + 1);
}

void write_sockets(JsonText& json, const Subject& subject) {
    const auto& listeners = subject.view.listeners;
    for (std::size_t at = 0; at < listeners.size(); ++at) {
        json.begin_object();
        json.field("name", listeners[at].address.text());
        json.field("proto", common::net::name_of(listeners[at].protocol));
        json.field("queue", subject.queues[at].length);
        json.field("max_queue", subject.queues[at].limit);
        json.field("shared", 0);
        json.field("can_offload", 0);
        json.field("vassal", subject.view.name);
        json.end_object();
    }
}

void write_instances(JsonText& json, const fleet::VassalView& view) {
    json.key("instances").begin_array();
    for (const fleet::InstanceView& instance : view.instances) {
        json.begin_object();
        json.field("generation", instance.generation);
        json.field("pid", instance.master_pid);
        json.field("role", instance.role);
        json.field("state", instance.state);
        json.field("step", instance.step);
        json.field("started", instance.started_us / second_us);
        json.end_object();
    }
    json.end_array();
}

void write_emperor_vassal(JsonText& json, const Subject& subject, const Samples& samples) {
    const fleet::VassalView& view = subject.view;
    const fleet::InstanceView* active = active_instance(view);
    const int serves = is_serving(view) ? 1 : 0;
    const std::int64_t since = view.since_us / second_us;
    const std::int64_t started = active ? active->started_us / second_us : 0;
    const std::int64_t modified = view.file.empty() ? 0 : samples.modified(view.file);
    const bool is_cursed =
        view.status.state == supervise::DisplayState::backoff || view.status.state == supervise::DisplayState::failed;
    const bool is_on_demand = view.effective && view.effective->config.on_demand;
    const std::int64_t born =
        view.board ? clamp(view.board->created_epoch_us.load(std::memory_order_relaxed)) / second_us : started;
    json.field("id", view.file.empty() ? view.name : cut_name(view.file, false));
    json.field("pid", active ? active->master_pid : -1);
    json.field("born", modified);
    json.field("last_mod", modified);
    json.field("last_heartbeat", 0);
    json.field("loyal", serves);
    json.field("ready", serves);
    json.field("accepting", serves);
    json.field("last_loyal", serves ? since : 0);
    json.field("last_ready", serves ? since : 0);
    json.field("last_accepting", serves ? since : 0);
    json.field("first_run", born);
    json.field("last_run", started);
    json.field("cursed", is_cursed ? since : 0);
    json.field("zerg", 0);
    json.field("on_demand", is_on_demand && !view.listeners.empty() ? view.listeners.front().address.text() : std::string());
    json.field("uid", view.identity ? view.identity->uid : samples.uid);
    json.field("gid", view.identity ? view.identity->gid : samples.gid);
    json.field("monitor", cut_name(view.file, true));
    json.field("respawns", clamp(view.restarts));
    json.field("listen_queue", subject.facts.waiting);
}

void write_blacklisted(JsonText& json, const fleet::VassalView& view, const Samples& samples) {
    json.begin_object();
    json.field("id", view.file.empty() ? view.name : cut_name(view.file, false));
    json.unsteady_field("throttle_level", std::max<std::int64_t>(0, *view.retry_at_us - samples.now_us) / 1000);
    json.field("attempt", view.status.crashes);
    json.field("first_attempt", view.since_us / second_us);
    json.field("last_attempt", view.since_us / second_us);
    json.end_object();
}

// uWSGI's head of either document.
void write_queues(JsonText& json, std::int64_t waiting) {
    json.field("listen_queue", waiting);
    json.field("listen_queue_errors", 0);
    json.field("signal_queue", 0);
    json.field("load", waiting);
}

}  // namespace

std::vector<ListenQueue> queues_of(const fleet::VassalView& view, const Samples& samples) {
    std::vector<ListenQueue> queues(view.listeners.size());
    for (std::size_t at = 0; at < std::min(queues.size(), view.listener_fds.size()); ++at)
        queues[at] = samples.queue(view.listener_fds[at]);
    return queues;
}

std::int64_t waiting_in(std::span<const ListenQueue> queues) noexcept {
    std::int64_t waiting = 0;
    for (const ListenQueue& queue : queues) waiting += queue.length;
    return waiting;
}

std::string vassal_document(const Subject& subject, const fleet::FleetApi::Self& self, const Samples& samples,
                            Detail detail) {
    const fleet::VassalView& view = subject.view;
    const fleet::InstanceView* active = active_instance(view);
    JsonText json;
    json.begin_object();
    json.field("version", self.version);
    write_queues(json, subject.facts.waiting);
    json.field("pid", active ? active->master_pid : 0);
    json.field("uid", view.identity ? view.identity->uid : samples.uid);
    json.field("gid", view.identity ? view.identity->gid : samples.gid);
    json.field("cwd", view.effective ? std::string_view(view.effective->config.chdir) : "");
    json.key("locks").begin_array();
    json.end_array();
    json.key("sockets").begin_array();
    write_sockets(json, subject);
    json.end_array();
    json.key("workers").begin_array();
    for (const WorkerFigures& worker : subject.facts.figures.workers)
        write_worker(json, subject, worker, 0, samples, detail);
    json.end_array();
    for (const char* none : {"spoolers", "crons"}) {
        json.key(none).begin_array();
        json.end_array();
    }
    write_rich(json, subject);
    json.field("file", view.file);
    write_instances(json, view);
    json.end_object();
    return json.take() + "\n";
}

Member member_of(const Subject& subject, std::int64_t first_worker_id, const Samples& samples, Detail detail) {
    Member member;
    member.waiting = subject.facts.waiting;
    JsonText vassal, blacklist, sockets, workers;
    vassal.begin_object();
    write_emperor_vassal(vassal, subject, samples);
    write_rich(vassal, subject);
    vassal.end_object();
    if (subject.view.retry_at_us) write_blacklisted(blacklist, subject.view, samples);
    write_sockets(sockets, subject);
    for (const WorkerFigures& worker : subject.facts.figures.workers)
        write_worker(workers, subject, worker, first_worker_id, samples, detail);
    for (const JsonText* each : {&vassal, &blacklist, &sockets, &workers})
        member.hash = member.hash * 31 + each->steady_hash();
    member.vassal = vassal.take();
    member.blacklist = blacklist.take();
    member.sockets = sockets.take();
    member.workers = workers.take();
    return member;
}

std::string fleet_document(std::span<const Member* const> members, std::int64_t waiting, const Revision& revision,
                           const fleet::FleetApi::Self& self, const Samples& samples) {
    JsonText json;
    json.begin_object();
    json.field("version", self.version);
    json.field("pid", self.pid);
    json.field("uid", samples.uid);
    json.field("gid", samples.gid);
    json.field("cwd", samples.cwd);
    write_queues(json, waiting);
    json.key("emperor").begin_array();
    for (const std::string& directory : self.directories) json.value(directory);
    json.end_array();
    json.field("emperor_tyrant", samples.uid == 0 ? 1 : 0);
    json.field("throttle_level", 0);
    const auto write_all = [&](std::string_view name, std::string Member::*part) {
        json.key(name).begin_array();
        for (const Member* member : members) json.parts(member->*part);
        json.end_array();
    };
    write_all("vassals", &Member::vassal);
    write_all("blacklist", &Member::blacklist);
    write_all("sockets", &Member::sockets);
    write_all("workers", &Member::workers);
    json.field("started", self.started_us / second_us);
    json.field("runtime_directory", self.runtime_directory);
    json.field("revision", revision.number);
    json.field("since_revision", revision.since);
    if (revision.since != 0) {
        json.key("names").begin_array();
        for (const std::string& name : revision.names) json.value(name);
        json.end_array();
    }
    json.end_object();
    return json.take() + "\n";
}

}  // namespace emperor::stats
