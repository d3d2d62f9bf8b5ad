// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/shown.h"

#include <algorithm>

namespace emperor::ctl {

namespace {

// How far the lines of two masters, or of different apps, may be out of order.
constexpr std::int64_t disorder_us = 10'000'000;

std::string name_of(const Item& item) { return std::to_string(item.time_us) + " " + item.key; }

}  // namespace

void Shown::connected() {
    ++connections_;
    listed_.clear();
    followed_.clear();
}

bool Shown::listed(const Item& item) {
    const std::string name = name_of(item);
    const int count = ++listed_[item.app][name];
    if (connections_ > 1) {
        const auto found = memories_.find(item.app);
        if (item.time_us < (found == memories_.end() ? start_us_ : found->second.floor_us)) return false;
        if (found != memories_.end()) {
            const auto known = found->second.counts.find(name);
            if (known != found->second.counts.end() && count <= known->second) return false;
        }
    }
    remember(item);
    return true;
}

bool Shown::followed(const Item& item) {
    const std::string name = name_of(item);
    const auto list = listed_.find(item.app);
    if (list != listed_.end()) {
        const auto known = list->second.find(name);
        if (known != list->second.end() && ++followed_[item.app][name] <= known->second) return false;
    }
    remember(item);
    return true;
}

void Shown::remember(const Item& item) {
    newest_us_ = std::max(newest_us_, item.time_us);
    auto [entry, is_new] = memories_.try_emplace(item.app);
    Memory& memory = entry->second;
    if (is_new) memory.floor_us = item.time_us;
    memory.items.emplace_back(item.time_us, name_of(item));
    ++memory.counts[memory.items.back().second];
    if (memory.items.size() <= remembered) return;
    const auto [time_us, name] = std::move(memory.items.front());
    memory.items.pop_front();
    memory.floor_us = std::max(memory.floor_us, time_us + 1);
    const auto count = memory.counts.find(name);
    if (--count->second == 0) memory.counts.erase(count);
}

std::int64_t Shown::since_us() const noexcept {
    return std::max<std::int64_t>(0, (newest_us_ > 0 ? newest_us_ : start_us_) - disorder_us);
}

}  // namespace emperor::ctl
