// SPDX-License-Identifier: Apache-2.0
#include "emperor/supervise/idle_watch.h"

#include <gtest/gtest.h>

namespace emperor::supervise {
namespace {

using namespace std::chrono_literals;
using common::TimePoint;

const TimePoint start{1000s};

TEST(IdleWatch, one_without_requests_is_idle_after_the_time_of_idle) {
    IdleWatch watch;
    EXPECT_EQ(watch.begin(8s, {5, false}, start), start + 2s);
    EXPECT_EQ(watch.look({5, false}, start + 2s), start + 4s);
    EXPECT_EQ(watch.look({5, false}, start + 7s), start + 8s);
    EXPECT_EQ(watch.look({5, false}, start + 8s), std::nullopt);
}

TEST(IdleWatch, each_request_counts_from_the_look_that_sees_it) {
    IdleWatch watch;
    (void)watch.begin(8s, {5, false}, start);
    EXPECT_EQ(watch.look({6, false}, start + 2s), start + 4s);
    EXPECT_EQ(watch.look({6, false}, start + 8s), start + 10s);
    EXPECT_EQ(watch.look({6, false}, start + 10s), std::nullopt);
}

TEST(IdleWatch, one_in_a_request_is_not_idle_however_long_it_takes) {
    IdleWatch watch;
    (void)watch.begin(8s, {5, false}, start);
    EXPECT_EQ(watch.look({5, true}, start + 60s), start + 62s);
    EXPECT_EQ(watch.look({5, false}, start + 62s), start + 64s);
    EXPECT_EQ(watch.look({5, false}, start + 68s), std::nullopt);
}

TEST(IdleWatch, counters_that_go_back_are_a_change_like_any) {
    IdleWatch watch;
    (void)watch.begin(8s, {~std::uint64_t{0}, false}, start);
    EXPECT_EQ(watch.look({0, false}, start + 8s), start + 10s);
}

}  // namespace
}  // namespace emperor::supervise
