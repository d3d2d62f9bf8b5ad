// SPDX-License-Identifier: Apache-2.0
#include "emperor/supervise/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace emperor::supervise {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, delays_double_within_their_jitter_up_to_the_maximum) {
    Backoff backoff(1);
    common::Duration expected = 100ms;
    for (int i = 0; i < 20; ++i) {
        const common::Duration delay = backoff.next(100ms, 60s);
        EXPECT_GE(delay, expected * 8 / 10);
        EXPECT_LE(delay, std::min<common::Duration>(expected * 12 / 10, 60s));
        expected = std::min<common::Duration>(expected * 2, 60s);
    }
}

TEST(Backoff, reset_starts_over) {
    Backoff backoff(1);
    for (int i = 0; i < 8; ++i) (void)backoff.next(100ms, 60s);
    backoff.reset();
    EXPECT_LE(backoff.next(100ms, 60s), 120ms);
}

TEST(Backoff, different_seeds_spread) {
    std::set<common::Duration> delays;
    for (std::uint32_t seed = 1; seed <= 50; ++seed) delays.insert(Backoff(seed).next(1s, 60s));
    EXPECT_GT(delays.size(), 40u);
}

TEST(Backoff, never_becomes_a_busy_loop) {
    Backoff backoff(1);
    EXPECT_GE(backoff.next(0ms, 0ms), 8ms);
}

TEST(Backoff, a_maximum_below_the_initial_is_taken_as_the_initial) {
    Backoff backoff(1);
    for (int i = 0; i < 5; ++i) EXPECT_LE(backoff.next(2s, 1s), 2s);
}

}  // namespace
}  // namespace emperor::supervise
