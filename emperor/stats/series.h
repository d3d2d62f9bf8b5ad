// SPDX-License-Identifier: Apache-2.0
// The last quarter of an hour of one vassal, as points for charts: rates, durations, queue, workers, processor time,
// memory. Pure; owned by the catalogue, and kept only where a dashboard is served: a vassal costs at most 180 points of
// 88 bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "emperor/stats/vassal_track.h"

namespace emperor::stats {

struct Point {
    std::int64_t time_us = 0;         // epoch
    double requests_per_s = 0;        // since the point before
    double failures_per_s = 0;        // answered with 5xx
    double cpu_percent = 0;           // of one processor
    // Of the last 10 s; 0: no request.
    std::uint64_t p50_us = 0, p95_us = 0, p99_us = 0;
    std::int64_t waiting = 0;         // clients in listen queues
    int busy = 0, serving = 0;        // workers
    std::optional<std::int64_t> memory;  // PSS, bytes

    friend bool operator==(const Point&, const Point&) = default;
};

class Series {
public:
    static constexpr std::chrono::minutes span{15};
    static constexpr std::size_t most = 180;

    // One more point. The first look at a vassal gives none: rates need a look before. Counters that went back (another
    // vassal under the same name) and a clock that did begin anew.
    void add(const VassalFacts& facts, std::int64_t now_us);

    [[nodiscard]] const std::deque<Point>& points() const noexcept { return points_; }
    [[nodiscard]] const Point* newest() const noexcept { return points_.empty() ? nullptr : &points_.back(); }

private:
    struct Counters {
        std::int64_t time_us = 0, requests = 0, failures = 0, cpu_us = 0;
    };
    std::optional<Counters> before_;
    std::deque<Point> points_;
};

// {"name", "span_s", "time_ms": […], "requests_per_s": […], …}: one array per figure, as charts want them.
[[nodiscard]] std::string series_document(const std::string& name, const Series* series);

}  // namespace emperor::stats
