// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/scaling.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vassal::master {
namespace {

using namespace std::chrono_literals;

class ScalingTest : public testing::Test {
protected:
    // Looks at the same load for so long, as the master does while it is awake; every worker that is wanted serves.
    int look(int busy, unsigned waiting, Duration duration) {
        for (const TimePoint end = now + duration; now < end; now += 50ms) {
            const int before = wanted;
            wanted = scaling.on({std::min(busy, wanted * 2), wanted, 0, waiting}, now);
            if (wanted != before) ++changes;
        }
        return wanted;
    }

    Scaling scaling{{.least = 1, .most = 8, .threads = 2}};
    TimePoint now{1000s};
    int wanted = 1;
    int changes = 0;
};

TEST_F(ScalingTest, what_is_not_saturated_stays_as_it_is) {
    EXPECT_EQ(look(1, 0, 60s), 1);
    EXPECT_EQ(scaling.deadline(), TimePoint::max()) << "an idle generation needs no timer";
}

TEST_F(ScalingTest, it_grows_when_all_threads_are_busy_for_200_ms) {
    EXPECT_EQ(look(2, 0, 150ms), 1);
    EXPECT_EQ(look(2, 0, 50ms), 2);
    EXPECT_EQ(look(2, 0, 5s), 2) << "enough";
}

TEST_F(ScalingTest, a_moment_of_rest_starts_the_count_anew) {
    for (int i = 0; i < 20; ++i) {
        look(2, 0, 150ms);
        look(1, 0, 50ms);
    }
    EXPECT_EQ(wanted, 1);
}

TEST_F(ScalingTest, clients_that_wait_make_it_grow_faster_but_at_most_twofold) {
    EXPECT_EQ(look(0, 100, 150ms), 2) << "idle threads that do not accept: stuck, or waiting for the interpreter lock";
    EXPECT_EQ(look(0, 100, 150ms), 4);
    EXPECT_EQ(look(0, 100, 150ms), 8);
    EXPECT_EQ(look(0, 100, 10s), 8) << "the most";
}

TEST_F(ScalingTest, it_adds_no_more_than_the_waiting_clients_can_use) {
    look(0, 100, 300ms);
    ASSERT_EQ(wanted, 4);
    EXPECT_EQ(look(0, 3, 150ms), 5);
}

TEST_F(ScalingTest, nothing_is_added_while_a_newcomer_is_coming) {
    for (int i = 0; i < 100; ++i) EXPECT_EQ(scaling.on({2, 1, 1, 50}, now += 50ms), 1);
    EXPECT_EQ(scaling.on({2, 1, 0, 50}, now += 50ms), 2);
}

TEST_F(ScalingTest, it_shrinks_by_one_after_each_ten_seconds_of_quiet) {
    look(0, 100, 300ms);
    ASSERT_EQ(wanted, 4);
    EXPECT_EQ(look(0, 0, 9s), 4);
    EXPECT_EQ(look(0, 0, 2s), 3);
    EXPECT_EQ(look(0, 0, 30s), 1);
}

TEST_F(ScalingTest, it_shrinks_at_its_deadlines_without_being_looked_at_between) {
    look(0, 100, 300ms);
    for (int expected : {3, 2, 1}) {
        now = scaling.deadline();
        EXPECT_EQ(scaling.on({0, expected + 1, 0, 0}, now), expected);
    }
    EXPECT_EQ(scaling.deadline(), TimePoint::max());
}

TEST_F(ScalingTest, one_busy_moment_in_ten_seconds_keeps_them) {
    look(0, 100, 300ms);
    for (int i = 0; i < 10; ++i) {
        look(0, 0, 8s);
        look(5, 0, 50ms);  // six threads less a quarter would be too few
    }
    EXPECT_EQ(wanted, 4);
}

TEST_F(ScalingTest, under_no_steady_load_does_it_flap) {
    for (int busy = 0; busy <= 16; ++busy) {
        look(busy, 0, 120s);
        changes = 0;
        look(busy, 0, 600s);
        EXPECT_EQ(changes, 0) << busy << " busy threads, " << wanted << " workers";
    }
}

}  // namespace
}  // namespace vassal::master
