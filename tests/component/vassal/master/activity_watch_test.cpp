// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/activity_watch.h"

#include <gtest/gtest.h>

#include <chrono>

namespace vassal::master {
namespace {

using namespace std::chrono_literals;

class ActivityWatchTest : public ::testing::Test {
protected:
    // False: it did not come about within ten seconds.
    template <class Condition>
    bool run_until(Condition holds) {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (!holds() && std::chrono::steady_clock::now() < deadline) io_.run_one_for(100ms);
        return holds();
    }

    boost::asio::io_context io_{1};
    link::Activity activity_ = link::Activity::create().value();
    int ticks_ = 0, wakes_ = 0;
    bool is_busy_ = false;
    ActivityWatch watch_{io_, activity_, [this] { ++wakes_; }};
};

class TickingActivityWatchTest : public ActivityWatchTest {
protected:
    TickingActivityWatchTest() {
        watch_.tick([this] {
            ++ticks_;
            return is_busy_;
        });
    }
};

TEST_F(ActivityWatchTest, wakes_its_owner_once_until_that_lets_it_rest) {
    EXPECT_TRUE(watch_.rest());
    EXPECT_EQ(io_.run_for(200ms), 0u);
    activity_.note();
    EXPECT_TRUE(run_until([&] { return wakes_ == 1; }));
    activity_.note();
    io_.run_for(100ms);
    EXPECT_EQ(wakes_, 1) << "its owner knows already";
    EXPECT_FALSE(watch_.rest()) << "there was a request since";
    EXPECT_TRUE(watch_.rest());
    EXPECT_TRUE(watch_.rest());
    activity_.note();
    EXPECT_TRUE(run_until([&] { return wakes_ == 2; }));
}

TEST_F(ActivityWatchTest, wakes_nobody_who_does_not_rest) {
    activity_.note();
    io_.run_for(100ms);
    EXPECT_EQ(wakes_, 0);
}

TEST_F(TickingActivityWatchTest, rests_by_itself_and_tells_of_the_end_of_it) {
    EXPECT_TRUE(watch_.rest());
    activity_.note();
    EXPECT_TRUE(run_until([&] { return wakes_ == 1 && ticks_ > 0; }));
    EXPECT_FALSE(watch_.rest()) << "it still looks";
    EXPECT_TRUE(run_until([&] { return watch_.rest(); }));
    activity_.note();
    EXPECT_TRUE(run_until([&] { return wakes_ == 2; }));
}

TEST_F(TickingActivityWatchTest, sleeps_until_somebody_has_something_to_tell) {
    EXPECT_EQ(io_.run_for(200ms), 0u);
    activity_.note();
    EXPECT_TRUE(run_until([&] { return ticks_ > 0; }));
}

TEST_F(TickingActivityWatchTest, looks_for_an_idle_second_and_sleeps_again) {
    activity_.note();
    EXPECT_TRUE(run_until([&] { return ticks_ == 21; })) << ticks_;
    while (io_.run_one_for(200ms) > 0) {
    }
    EXPECT_EQ(ticks_, 21) << "the one with the news, then 20 without";
    activity_.note();
    EXPECT_TRUE(run_until([&] { return ticks_ > 21; })) << "and can be woken again";
}

TEST_F(TickingActivityWatchTest, looks_at_once_when_a_worker_is_in_a_hurry) {
    activity_.note();
    ASSERT_TRUE(run_until([&] { return ticks_ == 1; }));
    for (int i = 2; i < 12; ++i) {
        activity_.hurry();
        activity_.hurry();  // one look is enough
        const auto began = std::chrono::steady_clock::now();
        ASSERT_TRUE(run_until([&] { return ticks_ >= i; }));
        if (std::chrono::steady_clock::now() - began < 25ms) return;  // before the next tick was due
    }
    FAIL() << "it waited for its tick each time";
}

TEST_F(TickingActivityWatchTest, does_not_sleep_while_its_owner_has_work_under_way) {
    is_busy_ = true;
    activity_.note();
    EXPECT_TRUE(run_until([&] { return ticks_ == 25; }));
    is_busy_ = false;
    EXPECT_TRUE(run_until([&] { return ticks_ == 45; }));
    while (io_.run_one_for(200ms) > 0) {
    }
    EXPECT_EQ(ticks_, 45);
}

}  // namespace
}  // namespace vassal::master
