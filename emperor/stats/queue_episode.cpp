// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/queue_episode.h"

#include <algorithm>

namespace emperor::stats {

std::int64_t QueueEpisode::full_at(const QueueSample& sample) noexcept {
    const std::int64_t nearly_full = sample.limit - sample.limit / 4;
    const std::int64_t many = waiting_per_thread * std::max(1, sample.threads);
    return std::max<std::int64_t>(1, sample.limit > 0 ? std::min(nearly_full, many) : many);
}

QueueEpisode::Change QueueEpisode::on(const QueueSample& sample, common::TimePoint now) {
    if (!is_full_) {
        if (sample.length < full_at(sample)) return Change::none;
        is_full_ = true;
        began_at_ = now;
        peak_ = sample.length;
        calm_since_.reset();
        return Change::began;
    }
    peak_ = std::max(peak_, sample.length);
    if (sample.length > calm_at(sample)) {
        calm_since_.reset();
        return Change::none;
    }
    if (!calm_since_) calm_since_ = now;
    if (now - *calm_since_ < calm_for) return Change::none;
    is_full_ = false;
    return Change::ended;
}

std::string words_for(const QueueSample& sample) {
    std::string text = std::to_string(sample.length) + " of " + std::to_string(sample.limit) + " clients wait, " +
                       std::to_string(sample.busy) + " of " + std::to_string(sample.threads) + " threads busy";
    if (!sample.oldest.empty())
        text += ", oldest request " + sample.oldest + " for " + std::to_string(sample.oldest_age_us / 1'000'000) + " s";
    return text;
}

std::string advice_for(const QueueSample& sample, const std::string& vassal) {
    if (sample.threads == 0) return "no worker serves: emperorctl why " + vassal;
    if (sample.busy < sample.threads)
        return "threads are free, clients come in bursts: raise socket.backlog, and net.core.somaxconn with it";
    constexpr std::int64_t long_us = 1'000'000;
    std::string text = "all threads are busy: more workers (emperorctl scale " + vassal + " " +
                       std::to_string(2 * sample.workers) + ") or threads";
    if (sample.oldest_age_us >= long_us) text += "; see what is slow (log.slow, emperorctl show " + vassal + ")";
    return text;
}

}  // namespace emperor::stats
