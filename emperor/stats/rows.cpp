// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/rows.h"

#include <algorithm>

#include "emperor/stats/document_parts.h"

namespace emperor::stats {

namespace {

constexpr std::size_t shown_rates = 60;

// Every end that nobody asked for, of masters and workers.
std::int64_t restarts_of(const Subject& subject) {
    return clamp(subject.view.restarts) + std::max<std::int64_t>(0, subject.facts.figures.crashes);
}

void write_load(JsonText& json, const Subject& subject, const Point* newest) {
    const VassalFigures& figures = subject.facts.figures;
    const Quantiles& minute = subject.facts.service.window[DurationFacts::last_minute];
    const auto shown = [&](std::uint64_t value) { return minute.count > 0 ? std::optional(value) : std::nullopt; };
    json.field("requests", figures.requests);
    json.field("requests_per_s", newest ? std::optional(newest->requests_per_s) : std::nullopt);
    json.field("failures_per_s", newest ? std::optional(newest->failures_per_s) : std::nullopt);
    json.field("p50_us", shown(minute.p50_us));
    json.field("p95_us", shown(minute.p95_us));
    json.field("p99_us", shown(minute.p99_us));
    json.field("queue", subject.facts.waiting);
    json.field("busy", figures.busy);
    json.field("serving", figures.serving);
    json.field("workers", figures.configured);
    json.field("cpu_percent", newest ? std::optional(newest->cpu_percent) : std::nullopt);
    json.field("pss", subject.facts.processes.proportional);
    json.field("rss", subject.facts.processes.resident);
}

}  // namespace

std::string row_of(const Subject& subject, const Series* series) {
    const fleet::VassalView& view = subject.view;
    JsonText json;
    json.begin_object();
    json.field("name", view.name);
    json.field("state", supervise::name_of(view.status.state));
    json.field("is_serving", is_serving(view));
    json.field("reason", view.status.reason);
    json.field("since", view.since_us / second_us);
    json.field("generation", view.status.active);
    json.field("successor", view.status.successor);
    json.field("restarts", restarts_of(subject));
    json.field("reloads", clamp(view.reloads));
    json.field("last_reload", view.status.last_reload);
    json.field("next_retry", view.retry_at_us ? std::optional(*view.retry_at_us / second_us) : std::nullopt);
    write_load(json, subject, series ? series->newest() : nullptr);
    json.end_object();
    return json.take();
}

std::string rows_document(const RowsHead& head, std::span<const std::string* const> rows, const fleet::FleetApi::Self& self) {
    JsonText json;
    json.begin_object();
    json.field("version", self.version);
    json.field("pid", self.pid);
    json.field("started", self.started_us / second_us);
    json.field("is_shutting_down", self.is_shutting_down);
    json.field("now_ms", head.now_us / 1000);
    json.field("point_ms", head.point_us / 1000);
    json.field("revision", head.revision);
    json.field("since_revision", head.since);
    if (head.names) {
        json.key("names").begin_array();
        for (const std::string& name : *head.names) json.value(name);
        json.end_array();
    }
    json.key("rows").begin_array();
    for (const std::string* row : rows) json.parts(*row);
    json.end_array();
    json.end_object();
    return json.take();
}

std::string rates_document(std::span<const NamedSeries> all) {
    JsonText json;
    json.begin_object();
    json.key("rates").begin_object();
    for (const NamedSeries& one : all) {
        json.key(one.name).begin_array();
        const auto& points = one.series.points();
        for (std::size_t at = points.size() > shown_rates ? points.size() - shown_rates : 0; at < points.size(); ++at)
            json.value(points[at].requests_per_s);
        json.end_array();
    }
    json.end_object();
    json.end_object();
    return json.take() + "\n";
}

}  // namespace emperor::stats
