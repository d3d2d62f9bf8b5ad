// SPDX-License-Identifier: Apache-2.0
// Bounds how many vassals start at the same time (I9): at most `parallelism` slots, first come first served. A slot is
// held until it is released or for `hold`, after which it counts as free, so that imports that hang block nobody.
//
// Lanes, each with a queue of its own; a vassal is in one at a time:
//     starts     first ones, and the first after a crash: somebody waits for them; released when ready or failed
//     retries    of what failed repeatedly: on the slots of the starts, at most half of them, and only while no start waits, so
//                that fifty apps that crash in a loop delay nobody
//     rollouts   on as many slots of their own, because they are in no hurry (what they replace serves) and are held for
//                longer: until the predecessor is gone too (vassal_fsm.h: settle_slot), so that a reload of everything does
//                not double the memory at once; counted as free after `rollout_hold`
// So a start never waits for a rollout, nor the other way round.
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
#include "emperor/supervise/types.h"

namespace emperor::supervise {

class StartGate {
public:
    using Duration = common::Duration;
    using TimePoint = common::TimePoint;
    using Granted = std::vector<std::string>;

    // A parallelism of 0 is taken as 1.
    explicit StartGate(std::size_t parallelism, Duration hold = std::chrono::seconds(5),
                       Duration rollout_hold = std::chrono::seconds(60));

    [[nodiscard]] Granted request(std::string_view vassal, TimePoint now, Turn turn = Turn::start);
    [[nodiscard]] Granted release(std::string_view vassal, TimePoint now);
    [[nodiscard]] Granted expire(TimePoint now);

    // When expire() can grant something; none while nobody waits.
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    // Of all lanes: slots that count as taken, vassals that wait.
    [[nodiscard]] std::size_t held() const noexcept {
        return starts_.holders.size() + retries_.holders.size() + rollouts_.holders.size();
    }
    [[nodiscard]] std::size_t waiting() const noexcept {
        return starts_.queue.size() + retries_.queue.size() + rollouts_.queue.size();
    }

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
    static void grant(Lane& lane, std::size_t slots, TimePoint now, Granted& granted);

    std::size_t parallelism_;
    Lane starts_, retries_, rollouts_;
};

}  // namespace emperor::supervise
