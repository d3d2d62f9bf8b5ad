// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/latency_history.h"

#include <algorithm>
#include <utility>

namespace emperor::stats {

namespace {
using Parts = LatencyHistory::Parts;

constexpr unsigned fives_per_ten = 2, tens_per_thirty = 3;
// Of one bucket in one interval: no sum of five minutes overflows. More than that many requests in 5 s there are not.
constexpr std::uint64_t most_in_interval = 1u << 25;

// What both have, by bucket: apply(amount of a, amount of b), without those of which nothing is left.
template <class Apply>
Parts combined(const Parts& a, const Parts& b, Apply apply) {
    Parts both;
    both.reserve(a.size() + b.size());
    auto one = a.begin();
    auto other = b.begin();
    const auto put = [&](std::uint16_t bucket, std::uint32_t amount) {
        if (amount > 0) both.push_back({bucket, amount});
    };
    while (one != a.end() || other != b.end()) {
        if (other == b.end() || (one != a.end() && one->bucket < other->bucket)) {
            put(one->bucket, apply(one->amount, 0));
            ++one;
        } else if (one == a.end() || other->bucket < one->bucket) {
            put(other->bucket, apply(0, other->amount));
            ++other;
        } else {
            put(one->bucket, apply(one->amount, other->amount));
            ++one, ++other;
        }
    }
    both.shrink_to_fit();
    return both;
}

void add_to(Parts& sum, const Parts& added) {
    if (!added.empty()) sum = combined(sum, added, [](std::uint32_t a, std::uint32_t b) { return a + b; });
}

void subtract_from(Parts& sum, const Parts& gone) {
    if (!gone.empty()) sum = combined(sum, gone, [](std::uint32_t a, std::uint32_t b) { return a - std::min(a, b); });
}

}  // namespace

void LatencyHistory::tick(const Latencies& total) {
    if (std::exchange(has_begun_, true)) {
        Parts added;
        since_last(total, added);
        added.shrink_to_fit();
        push(std::move(added));
    }
    last_.clear();
    total.for_each([&](std::size_t bucket, std::uint64_t amount) {
        last_.push_back({static_cast<std::uint16_t>(bucket), amount});
    });
}

void LatencyHistory::tick_unchanged() {
    if (has_begun_) push({});
}

// What expires leaves a window's sum in the intervals in which it is kept then.
void LatencyHistory::push(Parts added) {
    for (Parts& sum : sums_) add_to(sum, added);
    subtract_from(sums_[last_10_s], fives_.push(std::move(added)));
    if (fives_.pushed % fives_per_ten != 0) return;
    subtract_from(sums_[last_minute], tens_.push(merged(fives_, fives_per_ten)));
    if (tens_.pushed % tens_per_thirty != 0) return;
    subtract_from(sums_[last_5_minutes], thirties_.push(merged(tens_, tens_per_thirty)));
}

// A total that shrank (a tenant's doing) has nothing added.
void LatencyHistory::since_last(const Latencies& total, Parts& added) const {
    added.clear();
    auto before = last_.begin();
    total.for_each([&](std::size_t bucket, std::uint64_t amount) {
        while (before != last_.end() && before->bucket < bucket) ++before;
        const std::uint64_t known = before != last_.end() && before->bucket == bucket ? before->amount : 0;
        if (amount <= known) return;
        added.push_back({static_cast<std::uint16_t>(bucket),
                         static_cast<std::uint32_t>(std::min(amount - known, most_in_interval))});
    });
}

template <std::size_t count>
Parts LatencyHistory::merged(const Ring<count>& ring, unsigned newest) {
    Parts sum;
    for (unsigned back = 0; back < newest; ++back) add_to(sum, ring.newest(back));
    return sum;
}

LatencyHistory::Counted LatencyHistory::counted(Window window, const Parts& newest) const noexcept {
    static const Parts none;
    Counted counted{sums_[window], has_begun_ ? newest : none};
    for (const Parts* parts : {&counted.kept, &counted.newest})
        for (const Part& part : *parts) counted.count += part.amount;
    return counted;
}

}  // namespace emperor::stats
