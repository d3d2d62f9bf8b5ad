// SPDX-License-Identifier: Apache-2.0
#include "emperor/supervise/start_gate.h"

#include <algorithm>

namespace emperor::supervise {

StartGate::StartGate(std::size_t parallelism, Duration hold, Duration rollout_hold)
    : parallelism_(std::max<std::size_t>(1, parallelism)), starts_{.hold = hold}, retries_{.hold = hold},
      rollouts_{.hold = rollout_hold} {}

StartGate::Granted StartGate::request(std::string_view vassal, TimePoint now, Turn turn) {
    Lane& lane = turn == Turn::rollout ? rollouts_ : turn == Turn::retry ? retries_ : starts_;
    for (Lane* other : {&starts_, &retries_, &rollouts_})
        if (other != &lane) forget(*other, vassal);
    std::erase_if(lane.holders, [&](const Holder& holder) { return holder.vassal == vassal; });
    if (std::find(lane.queue.begin(), lane.queue.end(), vassal) == lane.queue.end()) lane.queue.emplace_back(vassal);
    return grant(now);
}

StartGate::Granted StartGate::release(std::string_view vassal, TimePoint now) {
    for (Lane* lane : {&starts_, &retries_, &rollouts_}) forget(*lane, vassal);
    return grant(now);
}

StartGate::Granted StartGate::expire(TimePoint now) { return grant(now); }

std::optional<common::TimePoint> StartGate::deadline() const {
    std::optional<TimePoint> next;
    const auto wait_for = [&](const Lane& lane) {
        if (lane.holders.empty()) return;
        const TimePoint until = lane.holders.front().until;
        next = next ? std::min(*next, until) : until;
    };
    if (!starts_.queue.empty() || !retries_.queue.empty()) {
        wait_for(starts_);
        wait_for(retries_);
    }
    if (!rollouts_.queue.empty()) wait_for(rollouts_);
    return next;
}

void StartGate::forget(Lane& lane, std::string_view vassal) {
    std::erase_if(lane.holders, [&](const Holder& holder) { return holder.vassal == vassal; });
    std::erase(lane.queue, vassal);
}

StartGate::Granted StartGate::grant(TimePoint now) {
    Granted granted;
    for (Lane* lane : {&starts_, &retries_, &rollouts_})
        std::erase_if(lane->holders, [&](const Holder& holder) { return holder.until <= now; });
    grant(starts_, parallelism_ - std::min(parallelism_, retries_.holders.size()), now, granted);
    const std::size_t left = parallelism_ - std::min(parallelism_, starts_.holders.size());
    if (starts_.queue.empty()) grant(retries_, std::min(left, std::max<std::size_t>(1, parallelism_ / 2)), now, granted);
    grant(rollouts_, parallelism_, now, granted);
    return granted;
}

void StartGate::grant(Lane& lane, std::size_t slots, TimePoint now, Granted& granted) {
    while (!lane.queue.empty() && lane.holders.size() < slots) {
        granted.push_back(std::move(lane.queue.front()));
        lane.queue.pop_front();
        lane.holders.push_back({granted.back(), now + lane.hold});
    }
}

}  // namespace emperor::supervise
