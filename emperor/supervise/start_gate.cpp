// SPDX-License-Identifier: Apache-2.0
#include "emperor/supervise/start_gate.h"

#include <algorithm>

namespace emperor::supervise {

StartGate::StartGate(std::size_t parallelism, Duration hold, Duration rollout_hold)
    : parallelism_(std::max<std::size_t>(1, parallelism)), starts_{.hold = hold}, rollouts_{.hold = rollout_hold} {}

StartGate::Granted StartGate::request(std::string_view vassal, TimePoint now, bool is_rollout) {
    Lane& lane = is_rollout ? rollouts_ : starts_;
    forget(is_rollout ? starts_ : rollouts_, vassal);
    std::erase_if(lane.holders, [&](const Holder& holder) { return holder.vassal == vassal; });
    if (std::find(lane.queue.begin(), lane.queue.end(), vassal) == lane.queue.end()) lane.queue.emplace_back(vassal);
    return grant(now);
}

StartGate::Granted StartGate::release(std::string_view vassal, TimePoint now) {
    forget(starts_, vassal);
    forget(rollouts_, vassal);
    return grant(now);
}

StartGate::Granted StartGate::expire(TimePoint now) { return grant(now); }

std::optional<common::TimePoint> StartGate::deadline() const {
    std::optional<TimePoint> next;
    for (const Lane* lane : {&starts_, &rollouts_}) {
        if (lane->queue.empty() || lane->holders.empty()) continue;
        const TimePoint until = lane->holders.front().until;
        next = next ? std::min(*next, until) : until;
    }
    return next;
}

void StartGate::forget(Lane& lane, std::string_view vassal) {
    std::erase_if(lane.holders, [&](const Holder& holder) { return holder.vassal == vassal; });
    std::erase(lane.queue, vassal);
}

StartGate::Granted StartGate::grant(TimePoint now) {
    Granted granted;
    grant(starts_, now, granted);
    grant(rollouts_, now, granted);
    return granted;
}

void StartGate::grant(Lane& lane, TimePoint now, Granted& granted) const {
    std::erase_if(lane.holders, [&](const Holder& holder) { return holder.until <= now; });
    while (!lane.queue.empty() && lane.holders.size() < parallelism_) {
        granted.push_back(std::move(lane.queue.front()));
        lane.queue.pop_front();
        lane.holders.push_back({granted.back(), now + lane.hold});
    }
}

}  // namespace emperor::supervise
