// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/queue_episode.h"

#include <gtest/gtest.h>

namespace emperor::stats {
namespace {

using namespace std::chrono_literals;
using Change = QueueEpisode::Change;

QueueSample sample(std::int64_t length, std::int64_t limit = 100, int threads = 4) {
    return {.length = length, .limit = limit, .busy = threads, .threads = threads, .workers = threads, .oldest = "GET /slow",
            .oldest_age_us = 12'300'000};
}

TEST(QueueEpisode, one_line_when_it_begins_and_one_when_it_is_over) {
    struct Step {
        int second;
        std::int64_t length;
        Change change;
    };
    const Step steps[] = {{0, 0, Change::none},   {1, 74, Change::none},  {2, 75, Change::began},  {3, 101, Change::none},
                          {4, 60, Change::none},  {5, 80, Change::none},  {6, 18, Change::none},   {7, 0, Change::none},
                          {8, 30, Change::none},  {9, 5, Change::none},   {13, 18, Change::none},  {14, 0, Change::ended},
                          {15, 74, Change::none}, {16, 75, Change::began}};
    QueueEpisode episode;
    for (const Step& step : steps)
        EXPECT_EQ(episode.on(sample(step.length), common::TimePoint{} + std::chrono::seconds(step.second)), step.change)
            << "second " << step.second;
    EXPECT_EQ(episode.peak(), 75);
}

TEST(QueueEpisode, remembers_its_peak_and_how_long_it_lasted) {
    QueueEpisode episode;
    EXPECT_EQ(episode.on(sample(80), common::TimePoint{} + 10s), Change::began);
    EXPECT_EQ(episode.on(sample(99), common::TimePoint{} + 11s), Change::none);
    EXPECT_EQ(episode.on(sample(0), common::TimePoint{} + 12s), Change::none);
    EXPECT_EQ(episode.on(sample(0), common::TimePoint{} + 17s), Change::ended);
    EXPECT_EQ(episode.peak(), 99);
    EXPECT_EQ(episode.lasted(common::TimePoint{} + 17s), 7s);
    EXPECT_FALSE(episode.is_full());
}

TEST(QueueEpisode, begins_at_three_quarters_or_when_many_wait_for_each_thread) {
    EXPECT_EQ(QueueEpisode::full_at(sample(0, 100)), 75);
    EXPECT_EQ(QueueEpisode::full_at(sample(0, 1)), 1);
    EXPECT_EQ(QueueEpisode::full_at(sample(0, 4096)), 256);
    EXPECT_EQ(QueueEpisode::full_at(sample(0, 4096, 0)), 64);
    EXPECT_EQ(QueueEpisode::full_at(sample(0, 0, 1)), 64);
}

TEST(QueueEpisode, says_what_is_and_what_to_do) {
    EXPECT_EQ(words_for(sample(61, 64)), "61 of 64 clients wait, 4 of 4 threads busy, oldest request GET /slow for 12 s");
    EXPECT_EQ(advice_for(sample(61, 64), "shop"),
              "all threads are busy: more workers (emperorctl scale shop 8) or threads; see what is slow (log.slow, "
              "emperorctl show shop)");
    QueueSample quick = sample(61, 64);
    quick.oldest_age_us = 5000;
    EXPECT_EQ(advice_for(quick, "shop"), "all threads are busy: more workers (emperorctl scale shop 8) or threads");
    QueueSample free = quick;
    free.busy = 1;
    EXPECT_NE(advice_for(free, "shop").find("socket.backlog"), std::string::npos);
    EXPECT_EQ(advice_for({.length = 9, .limit = 9}, "shop"), "no worker serves: emperorctl why shop");
}

}  // namespace
}  // namespace emperor::stats
