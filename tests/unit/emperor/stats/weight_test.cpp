// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/weight.h"

#include <gtest/gtest.h>

namespace emperor::stats {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct StatsWeight : ::testing::Test {
    Weight weight;
    common::TimePoint now{seconds(100)};
    Weight::Look look{.is_serving = true, .threads = 2};

    int begin() { return weight.on(look, now); }
    // Each second for so long: a part of all threads' time busy, so many microseconds of queue time per request.
    int pass(int count, double busy, std::uint64_t queue_us = 0, std::int64_t waiting = 0) {
        for (int i = 0; i < count; ++i) {
            now += seconds(1);
            look.busy_us += static_cast<std::int64_t>(busy * look.threads * 1e6);
            look.queue_count += 10;
            look.queue_sum_us += 10 * queue_us;
            look.waiting = waiting;
            weight.on(look, now);
        }
        return weight.percent();
    }
};

TEST_F(StatsWeight, an_idle_vassal_has_all_of_it_from_the_begin) {
    EXPECT_EQ(begin(), 100);
    EXPECT_EQ(pass(60, 0), 100);
    EXPECT_EQ(weight.utilization(), 0);
}

TEST_F(StatsWeight, busy_time_takes_its_share_and_the_whole_leaves_one_percent) {
    begin();
    EXPECT_NEAR(pass(60, 0.7), 30, 1);
    EXPECT_EQ(weight.utilization(), 70);
    EXPECT_EQ(pass(60, 1.0), 1) << "0 would mean: does not serve";
    EXPECT_EQ(pass(60, 5.0), 1) << "more than there is";
}

TEST_F(StatsWeight, queue_time_and_waiting_clients_take_theirs) {
    begin();
    EXPECT_NEAR(pass(60, 0, 50'000), 50, 1);
    EXPECT_NEAR(pass(60, 0, 0, 2), 50, 1);
    EXPECT_NEAR(pass(60, 0.5, 50'000, 2), 13, 1);
}

TEST_F(StatsWeight, it_moves_smoothly) {
    begin();
    const int after_one = pass(1, 1.0);
    EXPECT_GT(after_one, 70);
    EXPECT_LT(after_one, 90);
    EXPECT_LT(pass(4, 1.0), 45);
}

TEST_F(StatsWeight, who_does_not_serve_is_at_0_at_once_and_starts_afresh) {
    begin();
    pass(60, 1.0);
    look.is_serving = false;
    EXPECT_EQ(weight.on(look, now), 0);
    look.is_serving = true;
    EXPECT_EQ(weight.on(look, now), 100);
}

TEST_F(StatsWeight, looks_of_the_same_moment_change_nothing) {
    begin();
    now += milliseconds(100);
    look.busy_us += 1'000'000;
    EXPECT_EQ(weight.on(look, now), 100);
    now += milliseconds(900);
    EXPECT_LT(weight.on(look, now), 100) << "nothing was lost by it";
}

TEST_F(StatsWeight, counters_that_fall_back_are_no_negative_load) {
    look.busy_us = 1'000'000'000;
    look.queue_sum_us = look.queue_count = 1'000'000;
    begin();
    look = {.is_serving = true, .threads = 2};
    EXPECT_EQ(pass(60, 0), 100);
}

}  // namespace
}  // namespace emperor::stats
