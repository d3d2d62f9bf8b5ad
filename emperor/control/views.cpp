// SPDX-License-Identifier: Apache-2.0
#include "emperor/control/views.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/config/schema.h"
#include "emperor/stats/figures.h"

namespace emperor::control {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::size_t shown_log_lines = 20;

Json or_null(const std::optional<std::int64_t>& value) { return value ? Json(*value) : Json(nullptr); }

Json failure_of(const supervise::Failure& failure) {
    return {{"step", failure.step}, {"reason", failure.reason}, {"detail", failure.detail}};
}

Json diagnostic(const common::config::Diagnostic& finding) {
    const bool is_error = finding.severity == common::config::Diagnostic::Severity::error;
    return {{"severity", is_error ? "error" : "warning"},
            {"file", finding.file},
            {"line", finding.position.line},
            {"column", finding.position.column},
            {"message", finding.message},
            {"text", common::config::render(finding)}};
}

Json listeners_of(const fleet::VassalView& view, const Lookups& lookups) {
    Json list = Json::array();
    for (std::size_t at = 0; at < view.listeners.size(); ++at) {
        const auto queue = at < view.listener_fds.size() ? lookups.queue(view.listener_fds[at]) : stats::ListenQueue{};
        list.push_back({{"address", view.listeners[at].text()}, {"queue", queue.length}, {"queue_limit", queue.limit}});
    }
    return list;
}

Json instance(const fleet::InstanceView& view) {
    return {{"generation", view.generation}, {"pid", view.master_pid}, {"role", view.role},
            {"state", view.state},           {"step", view.step},      {"started_us", view.started_us}};
}

Json worker(const stats::WorkerFigures& figures, const Lookups& lookups) {
    const stats::ProcessMemory memory = lookups.memory(figures.pid);
    Json in_flight = Json::array();
    for (const auto& thread : figures.threads) {
        if (thread.request_started_us == 0) continue;
        const std::int64_t age = lookups.monotonic_us - stats::clamp(thread.request_started_us);
        in_flight.push_back({{"request", thread.request_line}, {"age_us", std::max<std::int64_t>(0, age)}});
    }
    return {{"id", figures.id},
            {"pid", figures.pid},
            {"state", stats::name_of(figures.state)},
            {"generation", figures.generation},
            {"started_us", stats::clamp(figures.spawned_epoch_us)},
            {"requests", stats::clamp(figures.requests)},
            {"exceptions", stats::clamp(figures.exceptions)},
            {"spawns", stats::clamp(figures.spawns)},
            {"crashes", stats::clamp(figures.crashes)},
            {"timeouts", stats::clamp(figures.timeouts)},
            {"resident_memory", memory.resident},
            {"virtual_memory", memory.virtual_size},
            {"in_flight", std::move(in_flight)}};
}

// The requests that run longest, with their ages.
Json oldest_requests(const stats::VassalFigures& figures, std::int64_t monotonic_us) {
    constexpr std::size_t most = 5;
    std::vector<std::pair<std::int64_t, const std::string*>> running;
    for (const auto& each : figures.workers)
        for (const auto& thread : each.threads)
            if (thread.request_started_us != 0)
                running.emplace_back(std::max<std::int64_t>(0, monotonic_us - stats::clamp(thread.request_started_us)),
                                     &thread.request_line);
    std::ranges::sort(running, std::greater{}, [](const auto& one) { return one.first; });
    Json list = Json::array();
    for (std::size_t at = 0; at < std::min(most, running.size()); ++at)
        list.push_back({{"request", *running[at].second}, {"age_us", running[at].first}});
    return list;
}

std::string user_of(const fleet::VassalView& view) {
    if (!view.identity) return "";
    return view.identity->user.empty() ? std::to_string(view.identity->uid) : view.identity->user;
}

}  // namespace

Json summary(const fleet::VassalView& view, const Lookups& lookups) {
    const stats::VassalFigures figures = stats::figures_of(view);
    const fleet::InstanceView* active = stats::active_instance(view);
    std::int64_t memory = 0;
    for (const auto& one : figures.workers) memory += lookups.memory(one.pid).resident;
    Json headlines = Json::array();
    for (const auto& finding : view.diagnostics) headlines.push_back(common::config::headline(finding));
    Json json = {{"name", view.name},
            {"state", supervise::name_of(view.status.state)},
            {"is_serving", stats::is_serving(view)},
            {"reason", view.status.reason},
            {"generation", view.status.active},
            {"successor", view.status.successor},
            {"since_us", view.since_us},
            {"started_us", active ? Json(active->started_us) : Json(nullptr)},
            {"retry_at_us", or_null(view.retry_at_us)},
            {"standby", view.status.standby},
            {"observed_until_us", or_null(view.observed_until_us)},
            {"rolled_back", view.status.rolled_back},
            {"differing_keys", view.differing_keys},
            {"last_reload", view.status.last_reload},
            {"file", view.file},
            {"user", user_of(view)},
            {"pid", active ? active->master_pid : 0},
            {"workers",
             {{"configured", figures.configured},
              {"least", figures.least},
              {"wanted", figures.wanted},
              {"serving", figures.serving},
              {"busy", figures.busy}}},
            {"in_flight", oldest_requests(figures, lookups.monotonic_us)},
            {"requests", figures.requests},
            {"exceptions", figures.exceptions},
            {"resident_memory", memory},
            {"restarts", view.restarts},
            {"reloads", view.reloads},
            {"listeners", listeners_of(view, lookups)},
            {"diagnostics", std::move(headlines)}};
    // Where an operator's scale is in force: what the file says.
    if (view.workers_of_file) json["workers"]["file"] = *view.workers_of_file;
    return json;
}

Json details(const fleet::VassalView& view, const Lookups& lookups) {
    Json json = summary(view, lookups);
    json["uid"] = view.identity ? Json(view.identity->uid) : Json(nullptr);
    json["gid"] = view.identity ? Json(view.identity->gid) : Json(nullptr);
    json["is_held"] = view.status.is_held;
    json["crashes_in_a_row"] = view.status.crashes;
    json["last_reload_failure"] =
        view.status.last_reload_failure ? failure_of(*view.status.last_reload_failure) : Json(nullptr);
    if (view.effective) {
        json["app"] = view.effective->config.app;
        json["chdir"] = view.effective->config.chdir;
        json["threads"] = view.effective->config.threads;
    }
    const auto values_of = [](const common::config::Effective* effective) {
        return effective && effective->values ? Json(*effective->values) : Json(nullptr);
    };
    json["configuration"] = values_of(view.effective);
    json["last_good_configuration"] = values_of(view.last_good);
    json["rolled_back_configuration"] = values_of(view.rolled_back_from);
    const stats::VassalFigures figures = stats::figures_of(view);
    Json classes = Json::object();
    for (std::size_t at = 0; at < std::size(figures.status_classes); ++at)
        classes[std::to_string(at + 1) + "xx"] = figures.status_classes[at];
    json["responses"] = std::move(classes);
    json["client_aborts"] = figures.client_aborts;
    json["timeouts"] = figures.timeouts;
    Json diagnostics = Json::array(), instances = Json::array(), workers = Json::array(), history = Json::array();
    for (const auto& finding : view.diagnostics) diagnostics.push_back(diagnostic(finding));
    for (const auto& one : view.instances) instances.push_back(instance(one));
    for (const auto& one : figures.workers) workers.push_back(worker(one, lookups));
    for (const auto& entry : view.history)
        history.push_back({{"time_us", entry.time_us},
                           {"event", entry.event},
                           {"generation", entry.generation},
                           {"text", entry.text}});
    json["diagnostics"] = std::move(diagnostics);
    json["instances"] = std::move(instances);
    json["worker_list"] = std::move(workers);
    json["history"] = std::move(history);
    Json log = Json::array();
    if (view.board)
        for (const auto& record : common::scoreboard::read_log(*view.board, shown_log_lines))
            log.push_back(log_line(record));
    json["log"] = std::move(log);
    return json;
}

Json configuration(const fleet::VassalView& view) {
    if (!view.effective || !view.effective->values) return nullptr;
    Json origins = Json::object();
    const auto add = [&](std::string_view path, const common::config::Origin& origin) {
        origins[std::string(path)] = {{"text", origin.text()}, {"file", origin.file}, {"line", origin.position.line}};
    };
    for (const auto& [path, origin] : view.effective->origins) add(path, origin);
    if (!origins.empty())  // an adopted configuration knows no origins, not even which keys are defaults
        for (const common::config::Key& key : common::config::keys())
            if (!origins.contains(key.path)) add(key.path, {});
    return {{"name", view.name},
            {"file", view.file},
            {"generation", view.status.active},
            {"values", *view.effective->values},
            {"origins", std::move(origins)}};
}

Json exec_context(const fleet::VassalView& view, const Lookups& lookups) {
    if (!view.effective || !view.effective->values || !view.identity) return nullptr;
    const common::config::Identity& identity = *view.identity;
    return {{"name", view.name},
            {"values", *view.effective->values},
            {"environment", lookups.environment},
            {"identity",
             {{"uid", identity.uid},
              {"gid", identity.gid},
              {"groups", identity.groups},
              {"user", identity.user},
              {"home", identity.home}}}};
}

Json emperor_facts(const fleet::FleetApi::Self& self) {
    return {{"version", self.version},
            {"pid", self.pid},
            {"started_us", self.started_us},
            {"directories", self.directories},
            {"runtime_directory", self.runtime_directory},
            {"is_shutting_down", self.is_shutting_down},
            {"has_scanned", self.has_scanned}};
}

Json log_line(const common::link::LogRecord& record) {
    const char* stream = record.stream == common::link::LogStream::out   ? "out"
                         : record.stream == common::link::LogStream::err ? "err"
                                                                         : "master";
    Json json = {{"time_us", record.time_us},
                 {"stream", stream},
                 {"worker", record.worker},
                 {"generation", record.generation},
                 {"text", record.text}};
    if (record.dropped > 0) json["dropped"] = stats::clamp(record.dropped);
    return json;
}

Json log_line_of(const std::string& app, const common::link::LogRecord& record) {
    Json json = {{"app", app}};
    json.update(log_line(record));
    return json;
}

Json merged_log(const std::vector<fleet::VassalView>& views, std::size_t limit, std::int64_t since_us) {
    struct Line {
        const fleet::VassalView* view;
        common::link::LogRecord record;
    };
    std::vector<Line> lines;
    for (const fleet::VassalView& view : views) {
        if (!view.board || limit == 0) continue;
        for (auto& record : common::scoreboard::read_log(*view.board, limit))
            if (record.time_us >= since_us) lines.push_back({&view, std::move(record)});
    }
    std::ranges::stable_sort(lines, {}, [](const Line& line) { return line.record.time_us; });
    Json json = Json::array();
    const std::size_t most = std::min(limit, max_merged_lines);
    for (std::size_t at = lines.size() > most ? lines.size() - most : 0; at < lines.size(); ++at)
        json.push_back(log_line_of(lines[at].view->name, lines[at].record));
    return json;
}

Json difference(const fleet::Difference& difference) {
    Json values = Json::array(), diagnostics = Json::array();
    for (const auto& value : difference.values)
        values.push_back({{"key", value.key}, {"before", value.before}, {"after", value.after}});
    for (const auto& finding : difference.diagnostics) diagnostics.push_back(diagnostic(finding));
    return {{"app", difference.app},
            {"action", difference.action},
            {"class", difference.change.empty() ? Json(nullptr) : Json(difference.change)},
            {"cause", difference.cause},
            {"values", std::move(values)},
            {"diagnostics", std::move(diagnostics)}};
}

Json outcome(const std::string& app, const fleet::Outcome& outcome) {
    Json json = {{"app", app}, {"ok", outcome.ok}};
    if (!outcome.note.empty()) json["note"] = outcome.note;
    if (outcome.ok) return json;
    json["failure"] = failure_of(outcome.failure);
    Json log = Json::array();
    for (const auto& record : outcome.last_log) log.push_back(log_line(record));
    json["log"] = std::move(log);
    return json;
}

}  // namespace emperor::control
