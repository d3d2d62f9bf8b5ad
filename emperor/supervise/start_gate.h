// SPDX-License-Identifier: Apache-2.0
// Bounds how many vassals start at the same time (I9): at most `parallelism` slots, first come first served. A slot is
// held until it is released (ready or failed) or for `hold`, after which it counts as free, so that imports that hang
// block nobody. Pure: owned by the fleet, which feeds it the time and arms one timer for deadline(). It never starts
// anything itself.
//
//     request   free slot and nobody waits: granted now; else it waits at the end of the queue. A vassal that waits
//               already keeps its place; one that holds a slot gives that up and queues again.
//     release   the slot is free, or the wait is over (withdrawn); unknown vassals are ignored
//     expire    slots held longer than `hold` become free
// Each of them answers with the vassals that are granted a slot now, in order.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"

namespace emperor::supervise {

class StartGate {
public:
    using Duration = common::Duration;
    using TimePoint = common::TimePoint;
    using Granted = std::vector<std::string>;

    // A parallelism of 0 is taken as 1.
    explicit StartGate(std::size_t parallelism, Duration hold = std::chrono::seconds(5));

    [[nodiscard]] Granted request(std::string_view vassal, TimePoint now);
    [[nodiscard]] Granted release(std::string_view vassal, TimePoint now);
    [[nodiscard]] Granted expire(TimePoint now);

    // When expire() can grant something; none while nobody waits.
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    [[nodiscard]] std::size_t held() const noexcept { return holders_.size(); }  // slots that count as taken
    [[nodiscard]] std::size_t waiting() const noexcept { return queue_.size(); }

private:
    struct Holder {
        std::string vassal;
        TimePoint until;
    };

    void forget(std::string_view vassal);
    [[nodiscard]] Granted grant(TimePoint now);

    std::size_t parallelism_;
    Duration hold_;
    std::vector<Holder> holders_;    // in the order of `until`; at most parallelism_
    std::deque<std::string> queue_;  // at most one entry per vassal
};

}  // namespace emperor::supervise
