// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/latency_history.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace emperor::stats {

namespace {
constexpr unsigned fives_per_ten = 2, tens_per_thirty = 3;
}

void LatencyHistory::tick(const Latencies& total) {
    if (std::exchange(has_begun_, true)) push(since_last(total));
    last_.clear();
    total.for_each([&](std::size_t bucket, std::uint64_t amount) {
        last_.push_back({static_cast<std::uint16_t>(bucket), amount});
    });
}

void LatencyHistory::tick_unchanged() {
    if (has_begun_) push({});
}

void LatencyHistory::push(Parts added) {
    fives_.push(std::move(added));
    if (fives_.pushed % fives_per_ten != 0) return;
    tens_.push(merged(fives_, fives_per_ten));
    if (tens_.pushed % tens_per_thirty != 0) return;
    thirties_.push(merged(tens_, tens_per_thirty));
}

// A total that shrank (a tenant's doing) has nothing added.
LatencyHistory::Parts LatencyHistory::since_last(const Latencies& total) const {
    Parts added;
    auto before = last_.begin();
    total.for_each([&](std::size_t bucket, std::uint64_t amount) {
        while (before != last_.end() && before->bucket < bucket) ++before;
        const std::uint64_t known = before != last_.end() && before->bucket == bucket ? before->amount : 0;
        if (amount <= known) return;
        const auto most = std::numeric_limits<std::uint32_t>::max();
        added.push_back({static_cast<std::uint16_t>(bucket),
                         static_cast<std::uint32_t>(std::min<std::uint64_t>(amount - known, most))});
    });
    return added;
}

void LatencyHistory::add(const Parts& parts, Latencies& into) noexcept {
    for (const Part& part : parts) into.add(part.bucket, part.amount);
}

template <std::size_t count>
LatencyHistory::Parts LatencyHistory::merged(const Ring<count>& ring, unsigned newest) {
    Parts sum;
    for (unsigned back = 0; back < newest; ++back) {
        Parts both;
        const Parts& parts = ring.newest(back);
        both.reserve(sum.size() + parts.size());
        auto a = sum.begin();
        auto b = parts.begin();
        while (a != sum.end() || b != parts.end()) {
            if (b == parts.end() || (a != sum.end() && a->bucket < b->bucket)) {
                both.push_back(*a++);
            } else if (a == sum.end() || b->bucket < a->bucket) {
                both.push_back(*b++);
            } else {
                const std::uint64_t amount = std::uint64_t{a->amount} + b->amount;
                const auto most = std::numeric_limits<std::uint32_t>::max();
                both.push_back({a->bucket, static_cast<std::uint32_t>(std::min<std::uint64_t>(amount, most))});
                ++a, ++b;
            }
        }
        sum = std::move(both);
    }
    sum.shrink_to_fit();
    return sum;
}

void LatencyHistory::add_window(Window window, const Parts& newest, Latencies& into) const {
    if (!has_begun_) return;
    add(newest, into);
    const unsigned loose_fives = fives_.pushed % fives_per_ten, loose_tens = tens_.pushed % tens_per_thirty;
    switch (window) {
        case Window::last_10_s:
            for (const Parts& parts : fives_.parts) add(parts, into);
            return;
        case Window::last_minute:
            for (unsigned back = 0; back < loose_fives; ++back) add(fives_.newest(back), into);
            for (const Parts& parts : tens_.parts) add(parts, into);
            return;
        case Window::last_5_minutes:
            for (unsigned back = 0; back < loose_fives; ++back) add(fives_.newest(back), into);
            for (unsigned back = 0; back < loose_tens; ++back) add(tens_.newest(back), into);
            for (const Parts& parts : thirties_.parts) add(parts, into);
            return;
    }
}

}  // namespace emperor::stats
