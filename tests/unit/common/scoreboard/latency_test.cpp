// SPDX-License-Identifier: Apache-2.0
#include "common/scoreboard/latency.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cmath>
#include <limits>
#include <memory>

#include "common/scoreboard/scoreboard.h"

namespace common::scoreboard {
namespace {

TEST(Latency, buckets_follow_one_another_without_gap) {
    for (std::size_t bucket = 0; bucket < latency_buckets; ++bucket) {
        EXPECT_LT(latency_begin_of(bucket), latency_begin_of(bucket + 1));
        EXPECT_EQ(latency_bucket_of(latency_begin_of(bucket)), bucket);
        EXPECT_EQ(latency_bucket_of(latency_begin_of(bucket + 1) - 1), bucket);
    }
    EXPECT_EQ(latency_begin_of(latency_buckets), longest_latency_us + 1);
}

TEST(Latency, the_middle_is_at_most_three_percent_from_everything_in_its_bucket) {
    double worst = 0;
    for (std::size_t bucket = 1; bucket < latency_buckets; ++bucket) {
        const auto middle = static_cast<double>(latency_middle_of(bucket));
        for (const std::uint64_t edge : {latency_begin_of(bucket), latency_begin_of(bucket + 1) - 1})
            worst = std::max(worst, std::abs(middle - static_cast<double>(edge)) / static_cast<double>(edge));
    }
    EXPECT_LE(worst, 0.03);
    EXPECT_GT(worst, 0.01) << "an empty loop would be as content";
}

TEST(Latency, what_is_out_of_range_counts_as_the_nearest) {
    EXPECT_EQ(latency_bucket_of(std::numeric_limits<std::uint64_t>::max()), latency_buckets - 1);
    const auto memory = std::make_unique<LatencyBuckets>();
    LatencyCounts counts{};
    counts.add(*memory, -5);
    EXPECT_EQ((*memory)[0].load(), 1u);
    EXPECT_EQ(counts.sum_us.load(), 0u);
}

TEST(Latency, quantiles_are_within_three_percent_and_clearing_forgets_all) {
    Latencies sum;
    EXPECT_EQ(sum.quantiles_us(std::array{0.5})[0], 0u);
    for (std::uint64_t us = 1; us <= 10'000; ++us) sum.add(latency_bucket_of(us), 1);
    for (const double part : {0.01, 0.5, 0.9, 0.99, 1.0})
        EXPECT_NEAR(static_cast<double>(sum.quantiles_us(std::array{part})[0]), part * 10'000, part * 300) << part;
    sum.clear();
    EXPECT_EQ(sum, Latencies{});
}

struct TwoRows : ::testing::Test {
    UniqueFd fd = std::move(create("shop").value());
    Mapping board = std::move(map(fd.get()).value());

    WorkerSlot& slot(std::size_t row, std::size_t worker) {
        use(board.board(), row, worker);
        WorkerSlot& found = board.board().worker[row][worker];
        found.most_threads = 1;
        return found;
    }
    VassalLatencies read(int workers) {
        VassalLatencies sum;
        read_latencies(board.board(), workers, sum);
        return sum;
    }
};

TEST_F(TwoRows, a_reader_adds_all_rows_of_all_workers_up) {
    slot(0, 0).service.add(slot(0, 0).service_buckets, 100);
    slot(3, 1).service.add(slot(3, 1).service_buckets, 5000);
    slot(3, 1).queue.add(slot(3, 1).queue_buckets, 7);
    const VassalLatencies sum = read(2);
    EXPECT_EQ(sum.service.count, 2u);
    EXPECT_EQ(sum.service.sum_us, 5100u);
    EXPECT_EQ(sum.service.buckets[latency_bucket_of(100)], 1u);
    EXPECT_EQ(sum.service.buckets[latency_bucket_of(5000)], 1u);
    EXPECT_EQ(sum.queue.count, 1u);
    EXPECT_EQ(count_latencies(board.board(), 2), 3u);
    EXPECT_EQ(read(1).service.count, 1u);
}

TEST_F(TwoRows, reading_touches_no_memory_that_was_never_written) {
    slot(0, 0).service.add(slot(0, 0).service_buckets, 100);
    struct stat before {
    }, after{};
    ASSERT_EQ(::fstat(fd.get(), &before), 0);
    static_cast<void>(read(256));
    static_cast<void>(count_latencies(board.board(), 256));
    static_cast<void>(read_workers(board.board(), 1, 256));
    ASSERT_EQ(::fstat(fd.get(), &after), 0);
    EXPECT_EQ(after.st_blocks, before.st_blocks);
}

TEST_F(TwoRows, garbage_in_a_tenant_s_counters_cannot_overflow_the_sums) {
    constexpr auto garbage = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t row = 0; row < 4; ++row)
        for (std::size_t worker = 0; worker < 8; ++worker) {
            WorkerSlot& bad = slot(row, worker);
            bad.service.groups = std::numeric_limits<std::uint32_t>::max();
            bad.service.sum_us = garbage;
            bad.service.count = garbage;
            for (auto& bucket : bad.service_buckets) bucket = garbage;
        }
    const VassalLatencies sum = read(8);
    EXPECT_LE(sum.service.count, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    EXPECT_LE(sum.service.sum_us, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
}

}  // namespace
}  // namespace common::scoreboard
