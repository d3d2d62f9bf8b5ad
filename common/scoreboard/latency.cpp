// SPDX-License-Identifier: Apache-2.0
#include "common/scoreboard/latency.h"

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
            add(at, get(shared[at]));
    }
}

void Latencies::add(std::size_t bucket, std::uint64_t amount) noexcept {
    if (amount == 0) return;
    const std::size_t group = bucket >> latency_bits;
    buckets[bucket] = plus(buckets[bucket], amount);
    count = plus(count, amount);
    used[group] |= 1u << (bucket % latency_group_size);
    groups |= 1u << group;
}

void Latencies::clear() noexcept {
    for (; groups != 0; groups &= groups - 1) {
        const auto group = static_cast<std::size_t>(std::countr_zero(groups));
        std::fill_n(buckets.begin() + static_cast<std::ptrdiff_t>(group << latency_bits), latency_group_size, 0);
        used[group] = 0;
    }
    count = 0;
    sum_us = 0;
}

}  // namespace common::scoreboard
