// SPDX-License-Identifier: Apache-2.0
// Bounds how many vassals start at the same time (I9): at most `parallelism` slots, first come first served. A slot is
// held until it is released or for `hold`, after which it counts as free, so that imports that hang block nobody.
//
// Two lanes, each with slots and a queue of its own, because rollouts are in no hurry (what they replace serves) and are
// held for longer: until the predecessor is gone too, so that a reload of everything does not double the memory at once.
//     starts     first ones, and again after a crash: somebody waits for them; released when ready or failed
//     rollouts   released by the machine (vassal_fsm.h: settle_slot), counted as free after `rollout_hold`
// So a start never waits for a rollout, nor the other way round. A vassal is in one lane at a time.
//
// Pure: owned by the fleet, which feeds it the time and arms one timer for deadline(). It never starts anything itself.
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
    explicit StartGate(std::size_t parallelism, Duration hold = std::chrono::seconds(5),
                       Duration rollout_hold = std::chrono::seconds(60));

    [[nodiscard]] Granted request(std::string_view vassal, TimePoint now, bool is_rollout = false);
    [[nodiscard]] Granted release(std::string_view vassal, TimePoint now);
    [[nodiscard]] Granted expire(TimePoint now);

    // When expire() can grant something; none while nobody waits.
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    // Of both lanes: slots that count as taken, vassals that wait.
    [[nodiscard]] std::size_t held() const noexcept { return starts_.holders.size() + rollouts_.holders.size(); }
    [[nodiscard]] std::size_t waiting() const noexcept { return starts_.queue.size() + rollouts_.queue.size(); }

private:
    struct Holder {
        std::string vassal;
        TimePoint until;
    };

    struct Lane {
        Duration hold;
        std::vector<Holder> holders = {};    // in the order of `until`; at most parallelism_
        std::deque<std::string> queue = {};  // at most one entry per vassal
    };

    static void forget(Lane& lane, std::string_view vassal);
    [[nodiscard]] Granted grant(TimePoint now);
    void grant(Lane& lane, TimePoint now, Granted& granted) const;

    std::size_t parallelism_;
    Lane starts_, rollouts_;
};

}  // namespace emperor::supervise
