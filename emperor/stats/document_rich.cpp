// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <optional>

#include "emperor/stats/document_parts.h"

namespace emperor::stats {

namespace {

void write_seconds(JsonText& json, std::string_view name, const std::optional<std::int64_t>& time_us) {
    json.field(name, time_us ? std::optional(*time_us / second_us) : std::nullopt);
}

// The newest unexpected end, with its time; null when there was none.
void write_last_exit(JsonText& json, const fleet::VassalView& view) {
    json.key("exit");
    if (!view.last_crash) return json.null();
    json.begin_object();
    json.field("time", view.last_crash->time_us / second_us);
    json.field("generation", view.last_crash->generation);
    json.field("reason", view.last_crash->text);
    json.end_object();
}

void write_restarts(JsonText& json, const fleet::VassalView& view, const VassalFigures& figures) {
    json.field("restarts", clamp(view.restarts));
    json.key("restarts_by_cause").begin_object();
    json.field("master", clamp(view.restarts));
    json.field("crash", std::max<std::int64_t>(0, figures.crashes - figures.timeouts - figures.signal_deaths));
    json.field("oom", figures.oom_kills);
    json.field("signal", std::max<std::int64_t>(0, figures.signal_deaths - figures.oom_kills));
    json.field("timeout", figures.timeouts);
    json.field("max_requests", figures.recycled_requests);
    json.field("max_rss", figures.recycled_memory);
    json.field("max_age", figures.recycled_age);
    json.end_object();
}

void write_endpoints(JsonText& json, const Subject& subject) {
    const auto& listeners = subject.view.listeners;
    json.key("listeners").begin_array();
    for (const auto& listener : listeners) json.value(listener.text());
    json.end_array();
    json.field("protocol", listeners.empty() ? std::string_view() : common::net::name_of(listeners.front().protocol));
    json.key("endpoints").begin_array();
    for (std::size_t at = 0; at < listeners.size(); ++at) {
        json.begin_object();
        json.field("protocol", common::net::name_of(listeners[at].protocol));
        json.field("address", listeners[at].address.text());
        json.field("queue", subject.queues[at].length);
        json.field("max_queue", subject.queues[at].limit);
        json.end_object();
    }
    json.end_array();
    json.key("hosts").begin_array();
    if (subject.view.effective)
        for (const std::string& host : subject.view.effective->config.hosts) json.value(host);
    json.end_array();
}

void write_totals(JsonText& json, const VassalFigures& figures) {
    json.key("totals").begin_object();
    json.field("requests", figures.requests);
    json.field("exceptions", figures.exceptions);
    json.field("bytes_out", figures.bytes_out);
    json.field("bytes_in", figures.bytes_in);
    json.field("busy_us", figures.busy_us);
    json.field("write_errors", figures.write_errors);
    json.field("read_errors", figures.read_errors);
    json.field("client_aborts", figures.client_aborts);
    json.field("timeouts", figures.timeouts);
    json.field("crashes", figures.crashes);
    json.field("log_dropped", figures.log_dropped);
    json.field("log_file_dropped", figures.log_file_dropped);
    json.field("log_journal_dropped", figures.log_journal_dropped);
    json.field("access_dropped", figures.access_dropped);
    for (std::size_t at = 0; at < std::size(figures.status_classes); ++at)
        json.field(std::to_string(at + 1) + "xx", figures.status_classes[at]);
    json.end_object();
}

void write_capacity(JsonText& json, const Subject& subject) {
    const VassalFigures& figures = subject.facts.figures;
    json.key("capacity").begin_object();
    json.field("workers", figures.configured);
    json.field("workers_min", figures.least);
    json.field("workers_wanted", figures.wanted);
    json.field("threads", subject.view.effective ? subject.view.effective->config.threads : 0);
    json.field("serving", figures.serving);
    json.field("busy", figures.busy);
    json.end_object();
    json.field("utilization", subject.facts.utilization);
    json.field("weight", subject.facts.weight);
}

void write_processes(JsonText& json, const ProcessFacts& processes) {
    json.key("memory").begin_object();
    json.field("processes", processes.processes);
    json.field("rss", processes.resident);
    json.unsteady_field("pss", processes.proportional);  // moves whenever anybody shares a library or stops to
    json.unsteady_field("sample_age_ms", processes.sample_age_ms);
    json.end_object();
    json.field("cpu_us", processes.cpu_us);
    json.field("fds", processes.descriptors);
}

void write_duration(JsonText& json, std::string_view name, const DurationFacts& facts) {
    constexpr std::array<std::string_view, DurationFacts::windows> names = {"10s", "1m", "5m", "start"};
    json.key(name).begin_object();
    for (std::size_t at = 0; at < names.size(); ++at) {
        const Quantiles& found = facts.window[at];
        const auto shown = [&](std::uint64_t value) { return found.count > 0 ? std::optional(value) : std::nullopt; };
        json.key(names[at]).begin_object();
        json.field("count", found.count);
        json.field("p50_us", shown(found.p50_us));
        json.field("p90_us", shown(found.p90_us));
        json.field("p95_us", shown(found.p95_us));
        json.field("p99_us", shown(found.p99_us));
        json.end_object();
    }
    json.field("sum_us", facts.sum_us);
    json.end_object();
}

}  // namespace

void write_durations(JsonText& json, const DurationFacts& service, const DurationFacts& queue) {
    json.key("latency").begin_object();
    write_duration(json, "service", service);
    write_duration(json, "queue", queue);
    json.end_object();
}

void write_rich(JsonText& json, const Subject& subject) {
    const fleet::VassalView& view = subject.view;
    json.field("name", view.name);
    json.field("state", supervise::name_of(view.status.state));
    json.field("reason", view.status.reason);
    json.field("since", view.since_us / second_us);
    json.field("generation", view.status.active);
    json.field("successor", view.status.successor);
    write_restarts(json, view, subject.facts.figures);
    json.field("reloads", clamp(view.reloads));
    json.field("last_reload", view.status.last_reload);
    write_seconds(json, "next_retry", view.retry_at_us);
    write_last_exit(json, view);
    write_endpoints(json, subject);
    write_capacity(json, subject);
    write_totals(json, subject.facts.figures);
    write_durations(json, subject.facts.service, subject.facts.queue);
    write_processes(json, subject.facts.processes);
}

}  // namespace emperor::stats
