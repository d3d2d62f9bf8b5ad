// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/vassal_track.h"

#include <algorithm>
#include <utility>

namespace emperor::stats {

namespace {

using common::scoreboard::latency_middle_of;

template <class Counted>
Quantiles quantiles_in(const Counted& counted) noexcept {
    if (counted.count == 0) return {};
    const auto [p50, p90, p95, p99] = counted.quantiles_us(std::array{0.5, 0.9, 0.95, 0.99});
    return {counted.count, p50, p90, p95, p99};
}

// One walk over the buckets for the three of them.
void fill_bounds(const Latencies& latencies, DurationFacts& facts) noexcept {
    std::uint64_t below = 0;
    std::size_t bound = 0;
    latencies.for_each([&](std::size_t bucket, std::uint64_t count) {
        while (bound < metric_bounds_us.size() && latency_middle_of(bucket) > metric_bounds_us[bound])
            facts.at_most[bound++] = below;
        below += count;
    });
    while (bound < metric_bounds_us.size()) facts.at_most[bound++] = below;
}

void fill(const LatencyHistory& history, const Latencies& total, VassalTrack::Scratch& scratch, DurationFacts& facts) {
    facts.sum_us = total.sum_us;
    facts.window[DurationFacts::since_start] = quantiles_of(total);
    fill_bounds(total, facts);
    history.since_last(total, scratch.newest);
    for (const auto each : {LatencyHistory::last_10_s, LatencyHistory::last_minute, LatencyHistory::last_5_minutes})
        facts.window[each] = quantiles_in(history.counted(each, scratch.newest));
}

// Of requests that ended, and of those in flight so far.
std::int64_t busy_until(const VassalFigures& figures, std::int64_t monotonic_us) noexcept {
    std::int64_t busy = figures.busy_us;
    for (const WorkerFigures& worker : figures.workers)
        for (const WorkerFigures::Thread& thread : worker.threads)
            if (thread.request_started_us != 0)
                busy += std::clamp<std::int64_t>(monotonic_us - clamp(thread.request_started_us), 0, monotonic_us);
    return busy;
}

int serving_threads(const VassalFigures& figures) noexcept {
    int threads = 0;
    for (const WorkerFigures& worker : figures.workers)
        if (worker.pid > 0 && worker.state == common::scoreboard::WorkerState::serving)
            threads += static_cast<int>(worker.threads.size());
    return threads;
}

// A sum of some of them would look like a fall of memory.
void add(std::optional<std::int64_t>& sum, const std::optional<std::int64_t>& value) noexcept {
    sum = sum && value ? std::optional(*sum + *value) : std::nullopt;
}

}  // namespace

Quantiles quantiles_of(const Latencies& latencies) noexcept { return quantiles_in(latencies); }

void VassalTrack::meet(const common::scoreboard::Board& board, std::int64_t emperor_started_us) noexcept {
    if (std::exchange(has_met_, true) ||
        clamp(board.created_epoch_us.load(std::memory_order_relaxed)) < emperor_started_us)
        return;
    service_.begin();
    queue_.begin();
}

void VassalTrack::tick(const common::scoreboard::Board& board, Scratch& scratch) {
    const int slots = common::scoreboard::used_workers(board);
    const std::uint64_t count = common::scoreboard::count_latencies(board, slots);
    shown_count_.reset();  // the windows move on
    if (counted_ == count) {
        service_.tick_unchanged();
        queue_.tick_unchanged();
        return;
    }
    counted_ = count;
    common::scoreboard::read_latencies(board, slots, scratch);
    service_.tick(scratch.service);
    queue_.tick(scratch.queue);
    scratch.service.clear();
    scratch.queue.clear();
}

VassalFacts VassalTrack::look(const fleet::VassalView& view, std::int64_t waiting, std::int64_t monotonic_us,
                              common::TimePoint now, ProcessSamples& samples, Scratch& scratch) {
    VassalFacts facts;
    facts.figures = figures_of(view);
    facts.waiting = waiting;
    if (view.board != nullptr) look_at_durations(*view.board, used_slots(view), facts, scratch);
    facts.processes = look_at_processes(view, facts.figures, now, samples);
    facts.weight = weight_of(view, facts.figures, facts.queue.sum_us,
                             facts.queue.window[DurationFacts::since_start].count, waiting, monotonic_us, now);
    facts.utilization = weight_.utilization();
    return facts;
}

int VassalTrack::weigh(const fleet::VassalView& view, std::int64_t waiting, std::int64_t monotonic_us,
                       common::TimePoint now, Scratch& scratch) {
    std::uint64_t sum_us = 0, count = 0;
    if (view.board != nullptr) {
        common::scoreboard::read_latencies(*view.board, used_slots(view), scratch);
        sum_us = scratch.queue.sum_us;
        count = scratch.queue.count;
        scratch.service.clear();
        scratch.queue.clear();
    }
    return weight_of(view, figures_of(view), sum_us, count, waiting, monotonic_us, now);
}

// Who sleeps can serve: the next request wakes it, and finds all of it idle.
int VassalTrack::weight_of(const fleet::VassalView& view, const VassalFigures& figures, std::uint64_t queue_sum_us,
                           std::uint64_t queue_count, std::int64_t waiting, std::int64_t monotonic_us,
                           common::TimePoint now) noexcept {
    const int weight = weight_.on({.is_serving = is_serving(view) && figures.serving > 0,
                                   .threads = serving_threads(figures),
                                   .busy_us = busy_until(figures, monotonic_us),
                                   .queue_sum_us = queue_sum_us,
                                   .queue_count = queue_count,
                                   .waiting = waiting},
                                  now);
    return view.status.is_asleep ? 100 : weight;
}

void VassalTrack::look_at_durations(const common::scoreboard::Board& board, int slots, VassalFacts& facts,
                                    Scratch& scratch) {
    const std::uint64_t count = common::scoreboard::count_latencies(board, slots);
    if (shown_count_ != count) {
        shown_count_ = count;
        common::scoreboard::read_latencies(board, slots, scratch);
        fill(service_, scratch.service, scratch, shown_service_);
        fill(queue_, scratch.queue, scratch, shown_queue_);
        scratch.service.clear();
        scratch.queue.clear();
    }
    facts.service = shown_service_;
    facts.queue = shown_queue_;
}

ProcessFacts VassalTrack::look_at_processes(const fleet::VassalView& view, const VassalFigures& figures,
                                            common::TimePoint now, ProcessSamples& samples) {
    ProcessFacts facts{.proportional = 0, .descriptors = 0, .sample_age_ms = {}};
    std::map<pid_t, std::int64_t> cpu;
    const auto add_process = [&](pid_t pid) {
        if (pid <= 0) return;
        const ProcessSample& sample = samples.of(pid);
        ++facts.processes;
        facts.resident += sample.resident;
        add(facts.proportional, sample.proportional);
        add(facts.descriptors, sample.descriptors);
        if (sample.proportional || sample.descriptors) {
            const std::int64_t age =
                std::chrono::duration_cast<std::chrono::milliseconds>(now - sample.costly_at).count();
            facts.sample_age_ms = std::max(facts.sample_age_ms.value_or(0), age);
        }
        cpu[pid] = sample.cpu_us;
        facts.cpu_us += sample.cpu_us;
    };
    if (const fleet::InstanceView* active = active_instance(view)) add_process(active->master_pid);
    for (const WorkerFigures& worker : figures.workers) add_process(worker.pid);
    if (facts.processes == 0) facts.proportional = facts.descriptors = std::nullopt;
    // Another process may have got the number of one that is gone: its time is less than what was seen.
    for (const auto& [pid, seen] : cpu_us_) {
        const auto found = cpu.find(pid);
        if (found == cpu.end() || found->second < seen) ended_cpu_us_ += seen;
    }
    cpu_us_ = std::move(cpu);
    facts.cpu_us += ended_cpu_us_;
    return facts;
}

}  // namespace emperor::stats
