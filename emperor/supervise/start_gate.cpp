// SPDX-License-Identifier: Apache-2.0
#include "emperor/supervise/start_gate.h"

#include <algorithm>

namespace emperor::supervise {

StartGate::StartGate(std::size_t parallelism, Duration hold)
    : parallelism_(std::max<std::size_t>(1, parallelism)), hold_(hold) {}

StartGate::Granted StartGate::request(std::string_view vassal, TimePoint now) {
    std::erase_if(holders_, [&](const Holder& holder) { return holder.vassal == vassal; });
    if (std::find(queue_.begin(), queue_.end(), vassal) == queue_.end()) queue_.emplace_back(vassal);
    return grant(now);
}

StartGate::Granted StartGate::release(std::string_view vassal, TimePoint now) {
    forget(vassal);
    return grant(now);
}

StartGate::Granted StartGate::expire(TimePoint now) { return grant(now); }

std::optional<common::TimePoint> StartGate::deadline() const {
    if (queue_.empty() || holders_.empty()) return std::nullopt;
    return holders_.front().until;
}

void StartGate::forget(std::string_view vassal) {
    std::erase_if(holders_, [&](const Holder& holder) { return holder.vassal == vassal; });
    std::erase(queue_, vassal);
}

StartGate::Granted StartGate::grant(TimePoint now) {
    std::erase_if(holders_, [&](const Holder& holder) { return holder.until <= now; });
    Granted granted;
    while (!queue_.empty() && holders_.size() < parallelism_) {
        granted.push_back(std::move(queue_.front()));
        queue_.pop_front();
        holders_.push_back({granted.back(), now + hold_});
    }
    return granted;
}

}  // namespace emperor::supervise
