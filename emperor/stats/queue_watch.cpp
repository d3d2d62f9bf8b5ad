// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/queue_watch.h"

#include <algorithm>

#include "common/log/log.h"
#include "emperor/stats/figures.h"

namespace emperor::stats {

namespace {

namespace scoreboard = common::scoreboard;

constexpr std::size_t idle_looks = 50;  // at once

bool is_busy(const scoreboard::WorkerSlot& slot) noexcept {
    const auto threads = std::min<std::size_t>(slot.most_threads.load(std::memory_order_relaxed), slot.thread.size());
    for (std::size_t thread = 0; thread < threads; ++thread)
        if (slot.thread[thread].request_started_us.load(std::memory_order_relaxed) != 0) return true;
    return false;
}

enum class Activity { none, serving, busy };  // none: nobody would answer a client

Activity activity_of(const scoreboard::Board& board) noexcept {
    Activity activity = Activity::none;
    for (std::size_t row = 0; row < board.worker.size(); ++row) {
        for (std::size_t at = 0; at < board.worker[row].size() && scoreboard::is_used(board, row, at); ++at) {
            const scoreboard::WorkerSlot& slot = board.worker[row][at];
            if (is_busy(slot)) return Activity::busy;
            const auto state = static_cast<scoreboard::WorkerState>(slot.state.load(std::memory_order_relaxed));
            if (state == scoreboard::WorkerState::serving) activity = Activity::serving;
        }
    }
    return activity;
}

}  // namespace

QueueSample sample_of(const fleet::VassalView& view, const std::vector<ListenQueue>& queues, std::int64_t monotonic_us) {
    QueueSample sample;
    for (const ListenQueue& queue : queues) {
        if (queue.length < sample.length || (queue.length == sample.length && sample.limit != 0)) continue;
        sample.length = queue.length;
        sample.limit = queue.limit;
    }
    for (const WorkerFigures& worker : figures_of(view).workers) {
        if (worker.state != scoreboard::WorkerState::serving) continue;
        ++sample.workers;
        for (const auto& thread : worker.threads) {
            ++sample.threads;
            if (thread.request_started_us == 0) continue;
            ++sample.busy;
            const std::int64_t age = std::max<std::int64_t>(0, monotonic_us - clamp(thread.request_started_us));
            if (!sample.oldest.empty() && age <= sample.oldest_age_us) continue;
            sample.oldest = thread.request_line;
            sample.oldest_age_us = age;
        }
    }
    return sample;
}

void QueueWatch::look_for_busy() {
    std::vector<std::string> silent;
    fleet_.each_board([&](const std::string& name, const scoreboard::Board& board) {
        const Activity activity = activity_of(board);
        if (activity == Activity::busy) busy_.try_emplace(name);
        if (activity == Activity::none) silent.push_back(name);
    });
    // They may start for long while clients come, or sleep: in turn, so that a thousand that sleep cost little.
    auto next = std::ranges::upper_bound(silent, last_silent_);
    for (std::size_t looks = std::min(idle_looks, silent.size()); looks > 0; --looks, ++next) {
        if (next == silent.end()) next = silent.begin();
        busy_.try_emplace(last_silent_ = *next);
    }
}

void QueueWatch::look(std::int64_t monotonic_us, common::TimePoint now) {
    for (auto next = busy_.begin(); next != busy_.end();) {
        const auto at = next++;
        const std::optional<fleet::VassalView> view = fleet_.glance(at->first);
        if (!view) {
            busy_.erase(at);
            continue;
        }
        std::vector<ListenQueue> queues;
        for (const int fd : view->listener_fds) queues.push_back(probe_.read(fd));
        const QueueSample sample = sample_of(*view, queues, monotonic_us);
        tell(at->first, at->second.on(sample, now), at->second, sample, now);
        if (sample.busy == 0 && sample.length == 0 && !at->second.is_full()) busy_.erase(at);
    }
}

void QueueWatch::tell(const std::string& name, QueueEpisode::Change change, const QueueEpisode& episode,
                      const QueueSample& sample, common::TimePoint now) {
    if (change == QueueEpisode::Change::began) {
        const std::string advice = advice_for(sample, name);
        common::log::warn("listen queue full", {{"vassal", name}, {"depth", sample.length}, {"limit", sample.limit},
                                                {"busy", sample.busy}, {"threads", sample.threads},
                                                {"oldest", sample.oldest}, {"oldest_age_ms", sample.oldest_age_us / 1000},
                                                {"action", advice}});
        fleet_.note(name, "queue_full", words_for(sample) + "; " + advice);
    } else if (change == QueueEpisode::Change::ended) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(episode.lasted(now)).count();
        common::log::info("listen queue normal", {{"vassal", name}, {"peak", episode.peak()}, {"seconds", seconds}});
        fleet_.note(name, "queue_normal", "after " + std::to_string(seconds) + " s, with up to " +
                                              std::to_string(episode.peak()) + " clients waiting");
    }
}

void QueueWatch::keep(const std::vector<std::string>& names) {
    std::erase_if(busy_, [&](const auto& entry) { return !std::binary_search(names.begin(), names.end(), entry.first); });
}

}  // namespace emperor::stats
