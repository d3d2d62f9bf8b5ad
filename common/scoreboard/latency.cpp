// SPDX-License-Identifier: Apache-2.0
#include "common/scoreboard/latency.h"

#include <cmath>

namespace common::scoreboard {
namespace {

// A tenant can write anything: no sum of two of these overflows, and 1024 rows stay within signed integers.
constexpr std::uint64_t highest_part = 1ull << 52;

std::uint64_t get(const std::atomic<std::uint64_t>& value) noexcept {
    return std::min(value.load(std::memory_order_relaxed), highest_part);
}

std::uint64_t plus(std::uint64_t a, std::uint64_t b) noexcept { return std::min(a + b, highest_part); }

}  // namespace

void Latencies::add(const LatencyCounts& counts, const LatencyBuckets& shared) noexcept {
    sum_us = plus(sum_us, get(counts.sum_us));
    std::uint32_t left = counts.groups.load(std::memory_order_relaxed) & ((1u << latency_groups) - 1);
    for (; left != 0; left &= left - 1) {
        const std::size_t begin = static_cast<std::size_t>(std::countr_zero(left)) * latency_group_size;
        for (std::size_t at = begin; at < begin + latency_group_size; ++at)
            if (const std::uint64_t value = get(shared[at]); value != 0) add(at, value);
    }
}

void Latencies::add(std::size_t bucket, std::uint64_t amount) noexcept {
    buckets[bucket] = plus(buckets[bucket], amount);
    count = plus(count, amount);
    groups |= 1u << (bucket >> latency_bits);
}

void Latencies::clear() noexcept {
    for (; groups != 0; groups &= groups - 1) {
        const std::size_t begin = static_cast<std::size_t>(std::countr_zero(groups)) * latency_group_size;
        std::fill_n(buckets.begin() + static_cast<std::ptrdiff_t>(begin), latency_group_size, 0);
    }
    count = 0;
    sum_us = 0;
}

std::uint64_t Latencies::rank_of(double part) const noexcept {
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count))));
}

}  // namespace common::scoreboard
