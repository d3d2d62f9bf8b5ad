// SPDX-License-Identifier: Apache-2.0
#include "emperor/watch/settle.h"

#include <gtest/gtest.h>

namespace emperor::watch {
namespace {

using namespace std::chrono_literals;
constexpr common::TimePoint start{1000s};

TEST(Settle, nothing_is_settled_while_nothing_changed) {
    Settle settle;
    EXPECT_EQ(settle.deadline(), std::nullopt);
    EXPECT_FALSE(settle.take(start + 1h));
}

TEST(Settle, a_change_is_settled_after_a_quiet_moment_and_only_once) {
    Settle settle;
    settle.mark(start);
    EXPECT_EQ(settle.deadline(), start + 100ms);
    EXPECT_FALSE(settle.take(start + 99ms));
    EXPECT_TRUE(settle.take(start + 100ms));
    EXPECT_FALSE(settle.take(start + 200ms));
}

TEST(Settle, further_changes_prolong_the_wait) {
    Settle settle;
    settle.mark(start);
    settle.mark(start + 80ms);
    EXPECT_FALSE(settle.take(start + 100ms));
    EXPECT_TRUE(settle.take(start + 180ms));
}

TEST(Settle, a_burst_that_never_ends_is_settled_after_a_second) {
    Settle settle;
    for (auto at = start; at < start + 1s; at += 50ms) {
        settle.mark(at);
        EXPECT_FALSE(settle.take(at));
    }
    EXPECT_EQ(settle.deadline(), start + 1s);
    EXPECT_TRUE(settle.take(start + 1s));
    EXPECT_TRUE(settle.was_cut());
    settle.mark(start + 1s + 10ms);
    EXPECT_TRUE(settle.take(start + 2s));
    EXPECT_FALSE(settle.was_cut()) << "nothing more came";
}

TEST(Settle, the_next_burst_has_its_own_second) {
    Settle settle;
    settle.mark(start);
    EXPECT_TRUE(settle.take(start + 100ms));
    settle.mark(start + 5s);
    EXPECT_EQ(settle.deadline(), start + 5s + 100ms);
}

}  // namespace
}  // namespace emperor::watch
