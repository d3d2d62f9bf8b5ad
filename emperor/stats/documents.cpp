// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/documents.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "emperor/stats/figures.h"

namespace emperor::stats {

using Json = nlohmann::ordered_json;
using common::scoreboard::WorkerState;

namespace {

constexpr std::int64_t second_us = 1'000'000;

std::string cut_name(const std::string& path, bool keeps_folder) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return keeps_folder ? std::string() : path;
    return keeps_folder ? path.substr(0, slash) : path.substr(slash + 1);
}

// uWSGI's words: a worker that takes nothing at the moment is "pause", one without a process is "cheap".
const char* status_of(const WorkerFigures& worker) {
    if (worker.pid <= 0) return "cheap";
    if (is_busy(worker)) return "busy";
    switch (worker.state) {
        case WorkerState::serving: return "idle";
        case WorkerState::ready:
        case WorkerState::draining: return "pause";
        case WorkerState::empty:
        case WorkerState::starting:
        case WorkerState::backoff: return "cheap";
    }
    return "cheap";
}

// Only the request line is known here: no header, so no cookie and no authorization can leak.
Json request_variables(const std::string& line) {
    const auto space = line.find(' ');
    if (space == std::string::npos) return Json::array();
    return Json::array({"REQUEST_METHOD=" + line.substr(0, space), "REQUEST_URI=" + line.substr(space + 1), ""});
}

Json core(std::size_t id, const WorkerFigures::Thread& thread, const Samples& samples) {
    const bool is_in_request = thread.request_started_us != 0;
    const std::int64_t age = std::max<std::int64_t>(0, samples.monotonic_us - clamp(thread.request_started_us));
    Json json = {{"id", id},
                 {"requests", clamp(thread.requests)},
                 {"static_requests", 0},
                 {"routed_requests", 0},
                 {"offloaded_requests", 0},
                 {"write_errors", clamp(thread.write_errors)},
                 {"read_errors", clamp(thread.read_errors)},
                 {"in_request", is_in_request ? 1 : 0},
                 {"vars", is_in_request ? request_variables(thread.request_line) : Json::array()},
                 {"req_info", Json::object()}};
    if (is_in_request) {
        json["req_info"]["request_start"] = (samples.now_us - age) / second_us;
        json["running_us"] = age;
    }
    return json;
}

Json app_of(const fleet::VassalView& view, const WorkerFigures& worker) {
    const auto* config = view.effective ? &view.effective->config : nullptr;
    return {{"id", 0},
            {"modifier1", 0},
            {"mountpoint", config ? config->mount : ""},
            {"startup_time", clamp(worker.startup_us) / second_us},
            {"requests", clamp(worker.requests)},
            {"exceptions", clamp(worker.exceptions)},
            {"chdir", config ? config->chdir : ""}};
}

Json worker_of(const fleet::VassalView& view, const WorkerFigures& worker, std::int64_t first_id, const Samples& samples) {
    const ProcessMemory memory = samples.memory(worker.pid);
    const std::int64_t requests = clamp(worker.requests);
    const std::int64_t running = clamp(worker.busy_us);
    Json cores = Json::array();
    for (std::size_t at = 0; at < worker.threads.size(); ++at) cores.push_back(core(at, worker.threads[at], samples));
    return {{"id", first_id + worker.id},
            {"pid", std::max(0, worker.pid)},
            {"accepting", worker.pid > 0 && worker.state == WorkerState::serving ? 1 : 0},
            {"requests", requests},
            {"delta_requests", clamp(worker.delta_requests)},
            {"exceptions", clamp(worker.exceptions)},
            {"harakiri_count", clamp(worker.timeouts)},
            {"signals", 0},
            {"signal_queue", 0},
            {"status", status_of(worker)},
            {"rss", memory.resident},
            {"vsz", memory.virtual_size},
            {"running_time", running},
            {"last_spawn", clamp(worker.spawned_epoch_us) / second_us},
            {"respawn_count", clamp(worker.spawns)},
            {"tx", clamp(worker.bytes_out)},
            {"avg_rt", requests > 0 ? running / requests : 0},
            {"apps", Json::array({app_of(view, worker)})},
            {"cores", std::move(cores)},
            {"vassal", view.name},
            {"worker", worker.id},
            {"state", name_of(worker.state)},
            {"generation", worker.generation},
            {"rx", clamp(worker.bytes_in)},
            {"client_aborts", clamp(worker.client_aborts)},
            {"crashes", clamp(worker.crashes)},
            {"signal_deaths", clamp(worker.signal_deaths)}};
}

struct Sockets {
    Json list = Json::array();
    std::int64_t waiting = 0;
};

Sockets sockets_of(const fleet::VassalView& view, const Samples& samples) {
    Sockets sockets;
    for (std::size_t at = 0; at < view.listeners.size(); ++at) {
        const ListenQueue queue = at < view.listener_fds.size() ? samples.queue(view.listener_fds[at]) : ListenQueue{};
        sockets.list.push_back({{"name", view.listeners[at].address.text()},
                                {"proto", common::net::name_of(view.listeners[at].protocol)},
                                {"queue", queue.length},
                                {"max_queue", queue.limit},
                                {"shared", 0},
                                {"can_offload", 0},
                                {"vassal", view.name}});
        sockets.waiting += queue.length;
    }
    return sockets;
}

Json seconds_or_null(const std::optional<std::int64_t>& time_us) {
    return time_us ? Json(*time_us / second_us) : Json(nullptr);
}

// The newest unexpected end, with its time; null when there was none.
Json last_exit(const fleet::VassalView& view) {
    const auto found = std::find_if(view.history.rbegin(), view.history.rend(),
                                    [](const fleet::HistoryEntry& entry) { return entry.event == "crashed"; });
    if (found == view.history.rend()) return nullptr;
    return {{"time", found->time_us / second_us}, {"generation", found->generation}, {"reason", found->text}};
}

// The keys that uWSGI does not have: the same for a vassal's own document and its entry in the fleet's.
void add_rich(Json& json, const fleet::VassalView& view, const VassalFigures& figures) {
    json["name"] = view.name;
    json["state"] = supervise::name_of(view.status.state);
    json["reason"] = view.status.reason;
    json["since"] = view.since_us / second_us;
    json["generation"] = view.status.active;
    json["successor"] = view.status.successor;
    json["restarts"] = clamp(view.restarts);
    json["reloads"] = clamp(view.reloads);
    json["last_reload"] = view.status.last_reload;
    json["next_retry"] = seconds_or_null(view.retry_at_us);
    json["exit"] = last_exit(view);
    Json listeners = Json::array();
    for (const auto& listener : view.listeners) listeners.push_back(listener.text());
    json["listeners"] = std::move(listeners);
    json["totals"] = {{"requests", figures.requests},
                      {"exceptions", figures.exceptions},
                      {"bytes_out", figures.bytes_out},
                      {"bytes_in", figures.bytes_in},
                      {"busy_us", figures.busy_us},
                      {"write_errors", figures.write_errors},
                      {"read_errors", figures.read_errors},
                      {"client_aborts", figures.client_aborts},
                      {"timeouts", figures.timeouts},
                      {"crashes", figures.crashes},
                      {"log_dropped", figures.log_dropped},
                      {"access_dropped", figures.access_dropped}};
    for (std::size_t at = 0; at < std::size(figures.status_classes); ++at)
        json["totals"][std::to_string(at + 1) + "xx"] = figures.status_classes[at];
    json["capacity"] = {{"workers", figures.configured},
                        {"workers_min", figures.least},
                        {"workers_wanted", figures.wanted},
                        {"threads", view.effective ? view.effective->config.threads : 0},
                        {"serving", figures.serving},
                        {"busy", figures.busy}};
}

Json instances_of(const fleet::VassalView& view) {
    Json list = Json::array();
    for (const fleet::InstanceView& instance : view.instances)
        list.push_back({{"generation", instance.generation},
                        {"pid", instance.master_pid},
                        {"role", instance.role},
                        {"state", instance.state},
                        {"step", instance.step},
                        {"started", instance.started_us / second_us}});
    return list;
}

Json emperor_vassal(const fleet::VassalView& view, const Samples& samples) {
    const fleet::InstanceView* active = active_instance(view);
    const int serves = is_serving(view) ? 1 : 0;
    const std::int64_t since = view.since_us / second_us;
    const std::int64_t started = active ? active->started_us / second_us : 0;
    const std::int64_t modified = view.file.empty() ? 0 : samples.modified(view.file);
    const bool is_cursed = view.status.state == supervise::DisplayState::backoff ||
                           view.status.state == supervise::DisplayState::failed;
    const bool is_on_demand = view.effective && view.effective->config.on_demand;
    const std::int64_t born =
        view.board ? clamp(view.board->created_epoch_us.load(std::memory_order_relaxed)) / second_us : started;
    return {{"id", view.file.empty() ? view.name : cut_name(view.file, false)},
            {"pid", active ? active->master_pid : -1},
            {"born", modified},
            {"last_mod", modified},
            {"last_heartbeat", 0},
            {"loyal", serves},
            {"ready", serves},
            {"accepting", serves},
            {"last_loyal", serves ? since : 0},
            {"last_ready", serves ? since : 0},
            {"last_accepting", serves ? since : 0},
            {"first_run", born},
            {"last_run", started},
            {"cursed", is_cursed ? since : 0},
            {"zerg", 0},
            {"on_demand", is_on_demand && !view.listeners.empty() ? view.listeners.front().address.text() : ""},
            {"uid", view.identity ? view.identity->uid : samples.uid},
            {"gid", view.identity ? view.identity->gid : samples.gid},
            {"monitor", cut_name(view.file, true)},
            {"respawns", clamp(view.restarts)}};
}

Json blacklisted(const fleet::VassalView& view, const Samples& samples) {
    return {{"id", view.file.empty() ? view.name : cut_name(view.file, false)},
            {"throttle_level", std::max<std::int64_t>(0, *view.retry_at_us - samples.now_us) / 1000},
            {"attempt", view.status.crashes},
            {"first_attempt", view.since_us / second_us},
            {"last_attempt", view.since_us / second_us}};
}

}  // namespace

Json vassal_document(const fleet::VassalView& view, const fleet::FleetApi::Self& self, const Samples& samples) {
    const VassalFigures figures = figures_of(view);
    const fleet::InstanceView* active = active_instance(view);
    Sockets sockets = sockets_of(view, samples);
    Json json = {{"version", self.version},
                 {"listen_queue", sockets.waiting},
                 {"listen_queue_errors", 0},
                 {"signal_queue", 0},
                 {"load", sockets.waiting},
                 {"pid", active ? active->master_pid : 0},
                 {"uid", view.identity ? view.identity->uid : samples.uid},
                 {"gid", view.identity ? view.identity->gid : samples.gid},
                 {"cwd", view.effective ? view.effective->config.chdir : ""},
                 {"locks", Json::array()},
                 {"sockets", std::move(sockets.list)},
                 {"workers", Json::array()}};
    for (const WorkerFigures& worker : figures.workers) json["workers"].push_back(worker_of(view, worker, 0, samples));
    json["spoolers"] = Json::array();
    json["crons"] = Json::array();
    add_rich(json, view, figures);
    json["file"] = view.file;
    json["instances"] = instances_of(view);
    return json;
}

Json fleet_document(const std::vector<Member>& members, const fleet::FleetApi::Self& self, const Samples& samples) {
    std::int64_t waiting = 0;
    Json vassals = Json::array(), blacklist = Json::array(), sockets = Json::array(), workers = Json::array();
    for (const Member& member : members) {
        const VassalFigures figures = figures_of(member.view);
        Json vassal = emperor_vassal(member.view, samples);
        add_rich(vassal, member.view, figures);
        Sockets own = sockets_of(member.view, samples);
        vassal["listen_queue"] = own.waiting;
        waiting += own.waiting;
        for (Json& socket : own.list) sockets.push_back(std::move(socket));
        for (const WorkerFigures& worker : figures.workers)
            workers.push_back(worker_of(member.view, worker, member.first_worker_id, samples));
        if (member.view.retry_at_us) blacklist.push_back(blacklisted(member.view, samples));
        vassals.push_back(std::move(vassal));
    }
    return {{"version", self.version},
            {"pid", self.pid},
            {"uid", samples.uid},
            {"gid", samples.gid},
            {"cwd", samples.cwd},
            {"listen_queue", waiting},
            {"listen_queue_errors", 0},
            {"signal_queue", 0},
            {"load", waiting},
            {"emperor", self.directories},
            {"emperor_tyrant", samples.uid == 0 ? 1 : 0},
            {"throttle_level", 0},
            {"vassals", std::move(vassals)},
            {"blacklist", std::move(blacklist)},
            {"sockets", std::move(sockets)},
            {"workers", std::move(workers)},
            {"started", self.started_us / second_us},
            {"runtime_directory", self.runtime_directory}};
}

std::string to_text(const Json& document) {
    return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace emperor::stats
