// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/figures.h"

#include <algorithm>
#include <limits>

namespace emperor::stats {

namespace {

using common::scoreboard::max_workers;
using common::scoreboard::WorkerState;

int configured_slots(const fleet::VassalView& view) noexcept {
    return view.effective ? std::clamp(view.effective->config.workers, 0, max_workers) : 0;
}

void add(std::int64_t& sum, std::uint64_t value) noexcept {
    sum = clamp(static_cast<std::uint64_t>(sum) + static_cast<std::uint64_t>(clamp(value)));
}

// The slot has a worker, or waits for its next.
bool is_wanted(WorkerState state) noexcept {
    switch (state) {
        case WorkerState::starting:
        case WorkerState::ready:
        case WorkerState::serving:
        case WorkerState::backoff: return true;
        case WorkerState::empty:
        case WorkerState::draining: break;
    }
    return false;
}

void add(VassalFigures& sums, const WorkerFigures& worker) noexcept {
    add(sums.requests, worker.requests);
    add(sums.exceptions, worker.exceptions);
    add(sums.bytes_out, worker.bytes_out);
    add(sums.bytes_in, worker.bytes_in);
    add(sums.busy_us, worker.busy_us);
    add(sums.write_errors, worker.write_errors);
    add(sums.read_errors, worker.read_errors);
    add(sums.client_aborts, worker.client_aborts);
    add(sums.timeouts, worker.timeouts);
    add(sums.crashes, worker.crashes);
    add(sums.signal_deaths, worker.signal_deaths);
    add(sums.oom_kills, worker.oom_kills);
    add(sums.recycled_requests, worker.recycled_requests);
    add(sums.recycled_memory, worker.recycled_memory);
    add(sums.recycled_age, worker.recycled_age);
    for (std::size_t at = 0; at < std::size(sums.status_classes); ++at)
        add(sums.status_classes[at], worker.status_classes[at]);
    if (is_wanted(worker.state)) ++sums.wanted;
    if (worker.pid > 0 && worker.state == WorkerState::serving) ++sums.serving;
    if (worker.pid > 0 && is_busy(worker)) ++sums.busy;
}

}  // namespace

std::int64_t clamp(std::uint64_t value) noexcept {
    return static_cast<std::int64_t>(
        std::min<std::uint64_t>(value, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())));
}

bool is_busy(const WorkerFigures& worker) noexcept {
    return std::any_of(worker.threads.begin(), worker.threads.end(),
                       [](const WorkerFigures::Thread& thread) { return thread.request_started_us != 0; });
}

std::string_view name_of(WorkerState state) noexcept {
    switch (state) {
        case WorkerState::empty: return "empty";
        case WorkerState::starting: return "starting";
        case WorkerState::ready: return "ready";
        case WorkerState::serving: return "serving";
        case WorkerState::draining: return "draining";
        case WorkerState::backoff: return "backoff";
    }
    return "empty";  // a value that no version of the layout knows
}

int used_slots(const fleet::VassalView& view) noexcept {
    return view.board ? std::max(configured_slots(view), common::scoreboard::used_workers(*view.board)) : 0;
}

VassalFigures figures_of(const fleet::VassalView& view) {
    VassalFigures figures;
    figures.configured = configured_slots(view);
    figures.least = view.effective ? std::clamp(view.effective->config.workers_min, 0, figures.configured) : 0;
    figures.wanted = figures.least;
    if (!view.board) return figures;
    figures.log_dropped = clamp(view.board->log_dropped.load(std::memory_order_relaxed));
    figures.log_file_dropped = clamp(view.board->log_file_dropped.load(std::memory_order_relaxed));
    figures.log_journal_dropped = clamp(view.board->log_journal_dropped.load(std::memory_order_relaxed));
    figures.access_dropped = clamp(view.board->access_dropped.load(std::memory_order_relaxed));
    figures.workers = common::scoreboard::read_workers(*view.board, view.status.active_bank, used_slots(view));
    figures.wanted = 0;
    for (const WorkerFigures& worker : figures.workers) add(figures, worker);
    figures.wanted = std::clamp(figures.wanted, figures.least, figures.configured);
    std::erase_if(figures.workers, [&](const WorkerFigures& worker) {
        return worker.id > figures.configured && worker.pid <= 0;
    });
    return figures;
}

bool is_serving(const fleet::VassalView& view) noexcept {
    if (view.status.active == 0) return false;
    switch (view.status.state) {
        case supervise::DisplayState::running:
        case supervise::DisplayState::reloading:
        case supervise::DisplayState::observing:
        case supervise::DisplayState::rolled_back:
        case supervise::DisplayState::invalid: return true;
        case supervise::DisplayState::starting:
        case supervise::DisplayState::stopping:
        case supervise::DisplayState::stopped:
        case supervise::DisplayState::sleeping:
        case supervise::DisplayState::backoff:
        case supervise::DisplayState::failed: return false;
    }
    return false;
}

const fleet::InstanceView* active_instance(const fleet::VassalView& view) noexcept {
    const auto found = std::find_if(view.instances.begin(), view.instances.end(),
                                    [](const fleet::InstanceView& instance) { return instance.role == "active"; });
    return found == view.instances.end() ? nullptr : &*found;
}

}  // namespace emperor::stats
