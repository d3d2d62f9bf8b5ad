// SPDX-License-Identifier: Apache-2.0
// Durations counted in log-linear buckets: 32 per power of two of microseconds, so that the middle of a bucket is at most
// 1.6 % from whatever was counted in it, up to 9 minutes (longer ones count as that). The pure arithmetic, the shared
// memory that a worker's threads write, and the value that readers add up. Threads share it: each counter is added to
// atomically, in any order, also from a signal handler. `groups` says which runs of buckets were ever used: a reader that
// looks at others would make the kernel allocate their pages.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace common::scoreboard {

inline constexpr int latency_bits = 5;  // 2^5 buckets per power of two
inline constexpr std::size_t latency_group_size = 1u << latency_bits;
inline constexpr std::size_t latency_groups = 25;
inline constexpr std::size_t latency_buckets = latency_groups * latency_group_size;
inline constexpr std::uint64_t longest_latency_us = (1ull << 29) - 1;

[[nodiscard]] constexpr std::size_t latency_bucket_of(std::uint64_t us) noexcept {
    us = us < longest_latency_us ? us : longest_latency_us;
    if (us < 2 * latency_group_size) return us;
    const int shift = static_cast<int>(std::bit_width(us)) - latency_bits - 1;
    return (static_cast<std::size_t>(shift) << latency_bits) + (us >> shift);
}

// The shortest duration that counts in the bucket; that of the next one is the first that does not.
[[nodiscard]] constexpr std::uint64_t latency_begin_of(std::size_t bucket) noexcept {
    if (bucket < 2 * latency_group_size) return bucket;
    const std::size_t shift = (bucket >> latency_bits) - 1;
    return (latency_group_size + bucket % latency_group_size) << shift;
}

[[nodiscard]] constexpr std::uint64_t latency_middle_of(std::size_t bucket) noexcept {
    return (latency_begin_of(bucket) + latency_begin_of(bucket + 1) - 1) / 2;
}

// In shared memory, all zero at first.
struct LatencyCounts {
    std::atomic<std::uint64_t> count;
    std::atomic<std::uint64_t> sum_us;
    std::atomic<std::uint32_t> groups;  // bit g: buckets 32 g … 32 g + 31 were used

    // `us` below zero (a clock that was set back) counts as zero. Hot path.
    void add(std::array<std::atomic<std::uint64_t>, latency_buckets>& buckets, std::int64_t us) noexcept {
        const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0));
        const std::size_t bucket = latency_bucket_of(value);
        const std::uint32_t bit = 1u << (bucket >> latency_bits);
        if ((groups.load(std::memory_order_relaxed) & bit) == 0) groups.fetch_or(bit, std::memory_order_relaxed);
        buckets[bucket].fetch_add(1, std::memory_order_relaxed);
        sum_us.fetch_add(value, std::memory_order_relaxed);
        count.fetch_add(1, std::memory_order_relaxed);
    }
};
using LatencyBuckets = std::array<std::atomic<std::uint64_t>, latency_buckets>;

// The durations that these parts (0…1, ascending) of `count` durations do not exceed, within 1.6 %; 0 when there is none.
// for_each(visit) calls visit(bucket, amount) from the shortest duration up.
template <std::size_t size, class ForEach>
[[nodiscard]] std::array<std::uint64_t, size> latency_quantiles_us(std::uint64_t count, const std::array<double, size>& parts,
                                                                   ForEach for_each) noexcept {
    std::array<std::uint64_t, size> ranks, found{};
    std::transform(parts.begin(), parts.end(), ranks.begin(), [count](double part) {
        return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count))));
    });
    std::uint64_t seen = 0;
    std::size_t at = 0;
    for_each([&](std::size_t bucket, std::uint64_t amount) {
        seen += amount;
        for (; at < size && seen >= ranks[at]; ++at) found[at] = latency_middle_of(bucket);
    });
    return found;
}

// What was counted, as a value: the sum over all that were added to it.
struct Latencies {
    std::uint64_t count = 0;
    std::uint64_t sum_us = 0;
    std::array<std::uint64_t, latency_buckets> buckets{};
    // Which buckets are not zero: bit b of used[g] is bucket 32 g + b, bit g of groups is any of used[g].
    std::uint32_t groups = 0;
    std::array<std::uint32_t, latency_groups> used{};

    // Not the figures of `counts.count`, which its writer may garble: `count` is always the sum of the buckets.
    void add(const LatencyCounts& counts, const LatencyBuckets& shared) noexcept;
    void add(std::size_t bucket, std::uint64_t amount) noexcept;
    // Cheaper than a new one: only what was used is cleared.
    void clear() noexcept;
    template <std::size_t size>
    [[nodiscard]] std::array<std::uint64_t, size> quantiles_us(const std::array<double, size>& parts) const noexcept {
        return latency_quantiles_us(count, parts, [this](auto visit) { for_each(visit); });
    }

    // Calls visit(bucket, count) for each bucket that is not empty, from the shortest duration up.
    template <class Visit>
    void for_each(Visit visit) const {
        for (std::uint32_t left = groups; left != 0; left &= left - 1) {
            const auto group = static_cast<std::size_t>(std::countr_zero(left));
            for (std::uint32_t bits = used[group]; bits != 0; bits &= bits - 1) {
                const std::size_t bucket = (group << latency_bits) + static_cast<std::size_t>(std::countr_zero(bits));
                visit(bucket, buckets[bucket]);
            }
        }
    }

    friend bool operator==(const Latencies&, const Latencies&) = default;
};

}  // namespace common::scoreboard
