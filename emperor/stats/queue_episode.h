// SPDX-License-Identifier: Apache-2.0
// When clients of one vassal pile up before its listeners: an episode begins when the queue is nearly full, or holds many
// times what the vassal can serve at once, and ends when it has been nearly empty for a while: one line of the log each,
// however the length goes up and down between. Pure.
//
//     quiet --- length >= full_at ----------------------------------> full       (reported)
//     full  --- length <= calm_at for calm_for, without a break ----> quiet      (reported)
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"

namespace emperor::stats {

struct QueueSample {
    std::int64_t length = 0, limit = 0;      // of the fullest listener
    int busy = 0, threads = 0, workers = 0;  // threads in a request, of all that serve; the workers they belong to
    std::string oldest{};                    // the request line of the one that runs longest; empty: none
    std::int64_t oldest_age_us = 0;
};

class QueueEpisode {
public:
    static constexpr std::int64_t waiting_per_thread = 64;
    static constexpr common::Duration calm_for = std::chrono::seconds(5);

    enum class Change { none, began, ended };
    [[nodiscard]] Change on(const QueueSample& sample, common::TimePoint now);

    [[nodiscard]] bool is_full() const noexcept { return is_full_; }
    [[nodiscard]] std::int64_t peak() const noexcept { return peak_; }
    [[nodiscard]] common::Duration lasted(common::TimePoint now) const noexcept { return now - began_at_; }

    // Where an episode begins and where it may end.
    [[nodiscard]] static std::int64_t full_at(const QueueSample& sample) noexcept;
    [[nodiscard]] static std::int64_t calm_at(const QueueSample& sample) noexcept { return full_at(sample) / 4; }

private:
    bool is_full_ = false;
    std::int64_t peak_ = 0;
    common::TimePoint began_at_{};
    std::optional<common::TimePoint> calm_since_;
};

// What an operator can do about it.
[[nodiscard]] std::string advice_for(const QueueSample& sample, const std::string& vassal);
// "61 of 64 clients wait, 4 of 4 threads busy, oldest request GET /slow for 12 s".
[[nodiscard]] std::string words_for(const QueueSample& sample);

}  // namespace emperor::stats
