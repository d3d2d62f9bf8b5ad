// SPDX-License-Identifier: Apache-2.0
// What the stats server keeps of one vassal from document to document: its durations of the last minutes, the smoothed
// weight, the processor time of processes that have ended. Owned by the server, one per vassal; looks at the view it is
// given, never at the fleet.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "common/base/clock.h"
#include "common/scoreboard/scoreboard.h"
#include "emperor/fleet/fleet_api.h"
#include "emperor/stats/figures.h"
#include "emperor/stats/latency_history.h"
#include "emperor/stats/process_samples.h"
#include "emperor/stats/weight.h"

namespace emperor::stats {

struct Quantiles {
    std::uint64_t count = 0, p50_us = 0, p90_us = 0, p95_us = 0, p99_us = 0;
};
[[nodiscard]] Quantiles quantiles_of(const Latencies& latencies) noexcept;

// Upper bounds of the histogram that Prometheus gets, in microseconds; +Inf is the count.
inline constexpr std::array<std::uint64_t, 13> metric_bounds_us = {1'000,     2'500,     5'000,     10'000,  25'000,
                                                                   50'000,    100'000,   250'000,   500'000, 1'000'000,
                                                                   2'500'000, 5'000'000, 10'000'000};

// One kind of duration.
struct DurationFacts {
    enum Window : std::size_t { last_10_s, last_minute, last_5_minutes, since_start, windows };
    std::array<Quantiles, windows> window;
    std::uint64_t sum_us = 0;                                      // since the start
    std::array<std::uint64_t, metric_bounds_us.size()> at_most{};  // since the start, cumulative
};

// Of all processes of the active generation that the emperor knows: the master and its workers.
struct ProcessFacts {
    int processes = 0;
    std::int64_t resident = 0, cpu_us = 0;
    std::optional<std::int64_t> proportional, descriptors;  // nothing until each process was sampled once
    std::optional<std::int64_t> sample_age_ms;              // of the oldest of these samples
};

struct VassalFacts {
    VassalFigures figures;
    DurationFacts service, queue;
    ProcessFacts processes;
    std::int64_t waiting = 0;  // clients in all listen queues
    int weight = 0;
    int utilization = 0;  // percent
};

class VassalTrack {
public:
    // Large: one for all vassals. The latencies are empty between calls.
    struct Scratch : common::scoreboard::VassalLatencies {
        LatencyHistory::Parts newest;
    };

    // Before any other call. A vassal that began under this emperor has nothing behind it that would not belong to its
    // last minutes; of an adopted one nobody knows when it was counted.
    void meet(const common::scoreboard::Board& board, std::int64_t emperor_started_us) noexcept;
    // Every LatencyHistory::interval.
    void tick(const common::scoreboard::Board& board, Scratch& scratch);
    // `waiting`: clients in the listen queues. `monotonic_us`: now, as in the scoreboard.
    [[nodiscard]] VassalFacts look(const fleet::VassalView& view, std::int64_t waiting, std::int64_t monotonic_us,
                                   common::TimePoint now, ProcessSamples& samples, Scratch& scratch);
    // Only the weight, for who asks for nothing else: no process is looked at.
    [[nodiscard]] int weigh(const fleet::VassalView& view, std::int64_t waiting, std::int64_t monotonic_us,
                            common::TimePoint now, Scratch& scratch);

private:
    [[nodiscard]] int weight_of(const fleet::VassalView& view, const VassalFigures& figures, std::uint64_t queue_sum_us,
                                std::uint64_t queue_count, std::int64_t waiting, std::int64_t monotonic_us,
                                common::TimePoint now) noexcept;
    void look_at_durations(const common::scoreboard::Board& board, int slots, VassalFacts& facts, Scratch& scratch);
    [[nodiscard]] ProcessFacts look_at_processes(const fleet::VassalView& view, const VassalFigures& figures,
                                                 common::TimePoint now, ProcessSamples& samples);

    bool has_met_ = false;
    LatencyHistory service_, queue_;
    std::optional<std::uint64_t> counted_;  // at the last tick
    std::optional<std::uint64_t> shown_count_;  // of the durations that the two below are about; empty: they are out of date
    DurationFacts shown_service_, shown_queue_;
    Weight weight_;
    std::map<pid_t, std::int64_t> cpu_us_;  // as last seen
    std::int64_t ended_cpu_us_ = 0;         // of those that are gone
};

}  // namespace emperor::stats
