// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/shown.h"

#include <gtest/gtest.h>

namespace emperor::ctl {
namespace {

Item line(std::int64_t time_us, const std::string& key = "x", const std::string& app = "shop") { return {app, time_us, key}; }

TEST(Shown, what_follows_may_repeat_the_end_of_the_list_and_is_shown_once) {
    Shown shown(100);
    shown.connected();
    EXPECT_TRUE(shown.listed(line(10)));
    EXPECT_TRUE(shown.listed(line(20)));
    EXPECT_FALSE(shown.followed(line(20)));
    EXPECT_TRUE(shown.followed(line(30)));
}

TEST(Shown, equal_lines_of_the_same_microsecond_are_counted) {
    Shown shown(100);
    shown.connected();
    EXPECT_TRUE(shown.listed(line(10)));
    EXPECT_TRUE(shown.listed(line(10)));
    EXPECT_FALSE(shown.followed(line(10)));
    EXPECT_FALSE(shown.followed(line(10)));
    EXPECT_TRUE(shown.followed(line(10)));
    shown.connected();
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(shown.listed(line(10)));
    EXPECT_TRUE(shown.listed(line(10)));
}

TEST(Shown, a_later_connection_brings_only_what_came_meanwhile) {
    Shown shown(15);
    shown.connected();
    EXPECT_TRUE(shown.listed(line(10)));
    EXPECT_TRUE(shown.followed(line(20)));
    shown.connected();
    EXPECT_FALSE(shown.listed(line(5)));  // older than what the first list was to show
    EXPECT_FALSE(shown.listed(line(10)));
    EXPECT_FALSE(shown.listed(line(20)));
    EXPECT_TRUE(shown.listed(line(25)));
    EXPECT_FALSE(shown.followed(line(25)));
    EXPECT_TRUE(shown.followed(line(26)));
    shown.connected();
    for (const std::int64_t time : {10, 20, 25, 26}) EXPECT_FALSE(shown.listed(line(time))) << time;
}

TEST(Shown, an_app_that_was_silent_goes_on_from_the_start_of_the_stream) {
    Shown shown(100);
    shown.connected();
    EXPECT_TRUE(shown.listed(line(50)));
    shown.connected();
    EXPECT_FALSE(shown.listed(line(99, "x", "blog")));
    EXPECT_TRUE(shown.listed(line(101, "x", "blog")));
}

TEST(Shown, memory_is_bounded_and_what_was_forgotten_is_not_shown_again) {
    Shown shown(0);
    shown.connected();
    for (int i = 0; i < 5000; ++i) EXPECT_TRUE(shown.followed(line(i)));
    shown.connected();
    for (int i = 0; i < 5000; ++i) EXPECT_FALSE(shown.listed(line(i))) << i;
    EXPECT_TRUE(shown.listed(line(5000)));
}

TEST(Shown, a_later_list_begins_a_little_before_the_newest) {
    Shown shown(50'000'000);
    EXPECT_EQ(shown.since_us(), 40'000'000);
    shown.connected();
    EXPECT_TRUE(shown.followed(line(70'000'000)));
    EXPECT_EQ(shown.since_us(), 60'000'000);
}

}  // namespace
}  // namespace emperor::ctl
