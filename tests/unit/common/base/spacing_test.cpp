// SPDX-License-Identifier: Apache-2.0
#include "common/base/spacing.h"

#include <gtest/gtest.h>

namespace common {
namespace {

using namespace std::chrono_literals;

const TimePoint start = TimePoint(1000s);

TEST(Spacing, the_first_wish_is_due_at_once_and_the_next_an_interval_after_it) {
    Spacing spacing(10s);
    EXPECT_EQ(spacing.wish(start), start);
    spacing.fulfil(start);
    EXPECT_EQ(spacing.wish(start + 3s), start + 10s);
    spacing.fulfil(start + 10s);
    EXPECT_EQ(spacing.wish(start + 25s), start + 25s);
}

TEST(Spacing, the_interval_counts_from_when_a_wish_took_effect) {
    Spacing spacing(10s);
    (void)spacing.wish(TimePoint{100s});
    spacing.fulfil(TimePoint{100s});
    spacing.took_effect(TimePoint{103s});
    EXPECT_EQ(spacing.wish(TimePoint{104s}), TimePoint{113s});
}

TEST(Spacing, one_wish_waits_at_most) {
    Spacing spacing(10s);
    spacing.fulfil(start);
    EXPECT_EQ(spacing.wish(start + 1s), start + 10s);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(spacing.wish(start + 2s), std::nullopt);
    spacing.fulfil(start + 10s);
    EXPECT_EQ(spacing.wish(start + 11s), start + 20s);
}

TEST(Spacing, a_withdrawn_wish_makes_room_and_costs_no_interval) {
    Spacing spacing(10s);
    EXPECT_TRUE(spacing.wish(start).has_value());
    spacing.withdraw();
    EXPECT_EQ(spacing.wish(start + 1s), start + 1s);
}

}  // namespace
}  // namespace common
