// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/latency_history.h"

#include <gtest/gtest.h>

namespace emperor::stats {
namespace {

using common::scoreboard::latency_bucket_of;
using Window = LatencyHistory::Window;

struct StatsLatencyHistory : ::testing::Test {
    Latencies total;
    LatencyHistory history;

    StatsLatencyHistory() {
        count(77, 1000);  // before anybody looked
        history.tick(total);
    }
    void count(std::uint64_t us, std::uint64_t times) { total.add(latency_bucket_of(us), times); }
    // `seconds` pass, `per_tick` durations of `us` in each interval.
    void pass(int seconds, std::uint64_t us = 0, std::uint64_t per_tick = 0) {
        for (int at = 0; at < seconds; at += 5) {
            count(us, per_tick);
            if (per_tick > 0) {
                history.tick(total);
            } else {
                history.tick_unchanged();
            }
        }
    }
    struct Found {
        std::uint64_t count, p50_us, longest_us;
    };
    Found window(Window window) const { return window_of(history, window); }
    Found window_of(const LatencyHistory& of, Window window) const {
        LatencyHistory::Parts newest = {{7, 7}};  // of another vassal
        of.since_last(total, newest);
        const LatencyHistory::Counted found = of.counted(window, newest);
        const auto [p50, longest] = found.quantiles_us(std::array{0.5, 1.0});
        return {found.count, p50, longest};
    }
};

TEST_F(StatsLatencyHistory, what_was_there_at_first_is_in_no_window) {
    EXPECT_EQ(window(Window::last_10_s).count, 0u);
    EXPECT_EQ(window(Window::last_5_minutes).count, 0u);
}

TEST_F(StatsLatencyHistory, of_one_that_was_there_from_the_begin_everything_counts) {
    LatencyHistory watched;
    watched.begin();
    EXPECT_EQ(window_of(watched, Window::last_10_s).count, 1000u);
    watched.tick(total);
    EXPECT_EQ(window_of(watched, Window::last_minute).count, 1000u);
}

TEST_F(StatsLatencyHistory, what_came_since_the_last_tick_is_in_every_window_at_once) {
    count(500, 3);
    for (const Window each : {Window::last_10_s, Window::last_minute, Window::last_5_minutes})
        EXPECT_EQ(window(each).count, 3u);
    EXPECT_NEAR(static_cast<double>(window(Window::last_10_s).p50_us), 500, 15);
}

TEST_F(StatsLatencyHistory, each_window_forgets_in_its_time_and_not_before) {
    struct Row {
        Window window;
        int at_least, at_most;
    };
    for (const Row& row :
         {Row{Window::last_10_s, 10, 15}, {Window::last_minute, 60, 70}, {Window::last_5_minutes, 300, 330}}) {
        for (int phase = 0; phase < 6; ++phase) {  // wherever the rings stand
            pass(5 * phase);
            count(900, 1);
            history.tick(total);
            int age = 0;
            while (window(row.window).count > 0 && age < 1000) pass(5), age += 5;
            EXPECT_GE(age, row.at_least) << phase;
            EXPECT_LE(age, row.at_most) << phase;
            pass(400);
        }
    }
}

TEST_F(StatsLatencyHistory, steady_traffic_is_counted_once_per_window) {
    pass(600, 250, 10);  // 2 a second
    EXPECT_EQ(window(Window::last_10_s).count, 20u);
    EXPECT_GE(window(Window::last_minute).count, 120u);
    EXPECT_LE(window(Window::last_minute).count, 140u);
    EXPECT_GE(window(Window::last_5_minutes).count, 600u);
    EXPECT_LE(window(Window::last_5_minutes).count, 660u);
    count(40'000, 1);
    EXPECT_EQ(window(Window::last_10_s).count, 21u);
    EXPECT_NEAR(static_cast<double>(window(Window::last_10_s).longest_us), 40'000, 1200);
}

TEST_F(StatsLatencyHistory, a_total_that_shrinks_adds_nothing) {
    pass(10, 100, 5);
    total.clear();
    history.tick(total);
    EXPECT_LE(window(Window::last_10_s).count, 10u);
    count(100, 2);
    EXPECT_EQ(window(Window::last_minute).count, 12u);
}

}  // namespace
}  // namespace emperor::stats
