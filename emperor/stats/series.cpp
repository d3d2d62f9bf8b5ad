// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/series.h"

#include <algorithm>
#include <iterator>

#include "emperor/stats/json_text.h"

namespace emperor::stats {

void Series::add(const VassalFacts& facts, std::int64_t now_us) {
    const VassalFigures& figures = facts.figures;
    const Counters now{now_us, figures.requests, figures.status_classes[4], facts.processes.cpu_us};
    const std::optional<Counters> before = std::exchange(before_, now);
    if (!before || now.time_us <= before->time_us || now.requests < before->requests) {
        points_.clear();
        return;
    }
    const double seconds = static_cast<double>(now.time_us - before->time_us) / 1e6;
    const auto rate = [&](std::int64_t from, std::int64_t to) {
        return static_cast<double>(std::max<std::int64_t>(0, to - from)) / seconds;
    };
    const Quantiles& quick = facts.service.window[DurationFacts::last_10_s];
    points_.push_back({.time_us = now_us,
                       .requests_per_s = rate(before->requests, now.requests),
                       .failures_per_s = rate(before->failures, now.failures),
                       .cpu_percent = rate(before->cpu_us, now.cpu_us) / 1e4,
                       .p50_us = quick.p50_us,
                       .p95_us = quick.p95_us,
                       .p99_us = quick.p99_us,
                       .waiting = facts.waiting,
                       .busy = figures.busy,
                       .serving = figures.serving,
                       .memory = facts.processes.proportional});
    constexpr std::int64_t span_us = std::chrono::duration_cast<std::chrono::microseconds>(span).count();
    while (points_.size() > most || points_.front().time_us < now_us - span_us) points_.pop_front();
}

namespace {

template <class Value>
void write_figure(JsonText& json, std::string_view name, const std::deque<Point>& points, Value value) {
    json.key(name).begin_array();
    for (const Point& point : points) json.value(value(point));
    json.end_array();
}

}  // namespace

std::string series_document(const std::string& name, const Series* series) {
    static const std::deque<Point> none;
    const std::deque<Point>& points = series ? series->points() : none;
    // No request in that time is no duration of 0.
    const auto shown = [](std::uint64_t value) { return value > 0 ? std::optional(value) : std::nullopt; };
    JsonText json;
    json.begin_object();
    json.field("name", name);
    json.field("span_s", std::chrono::seconds(Series::span).count());
    write_figure(json, "time_ms", points, [](const Point& point) { return point.time_us / 1000; });
    write_figure(json, "requests_per_s", points, [](const Point& point) { return point.requests_per_s; });
    write_figure(json, "failures_per_s", points, [](const Point& point) { return point.failures_per_s; });
    write_figure(json, "p50_us", points, [&](const Point& point) { return shown(point.p50_us); });
    write_figure(json, "p95_us", points, [&](const Point& point) { return shown(point.p95_us); });
    write_figure(json, "p99_us", points, [&](const Point& point) { return shown(point.p99_us); });
    write_figure(json, "queue", points, [](const Point& point) { return point.waiting; });
    write_figure(json, "busy", points, [](const Point& point) { return point.busy; });
    write_figure(json, "serving", points, [](const Point& point) { return point.serving; });
    write_figure(json, "cpu_percent", points, [](const Point& point) { return point.cpu_percent; });
    write_figure(json, "pss", points, [](const Point& point) { return point.memory; });
    json.end_object();
    return json.take() + "\n";
}

}  // namespace emperor::stats
