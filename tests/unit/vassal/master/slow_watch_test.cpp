// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/slow_watch.h"

#include <gtest/gtest.h>

#include <memory>

namespace vassal::master {
namespace {

using common::scoreboard::WorkerSlot;

class SlowWatchTest : public testing::Test {
protected:
    static constexpr std::uint64_t second = 1'000'000;

    void begin(std::size_t thread, std::uint64_t at_us) {
        board->thread[thread].request_sequence.fetch_add(1);
        board->thread[thread].request_started_us = at_us;
    }
    std::vector<int> look(std::uint64_t now_us) {
        const WatchedWorker worker{{1, 0}, board.get(), {}};
        std::vector<int> threads;
        for (const SlowRequest& slow : watch.look({&worker, 1}, common::scoreboard::max_threads, now_us)) {
            EXPECT_EQ(slow.at, (Place{1, 0}));
            EXPECT_EQ(slow.sequence, board->thread[static_cast<std::size_t>(slow.thread)].request_sequence);
            threads.push_back(slow.thread);
        }
        return threads;
    }

    std::unique_ptr<WorkerSlot> board = std::make_unique<WorkerSlot>();
    SlowWatch watch{second};
};

TEST_F(SlowWatchTest, tells_each_slow_request_once) {
    begin(0, 10 * second);
    EXPECT_TRUE(look(11 * second - 1).empty());
    EXPECT_EQ(look(11 * second), std::vector{0});
    EXPECT_TRUE(look(15 * second).empty());
    begin(0, 20 * second);
    EXPECT_TRUE(look(20 * second).empty());
    EXPECT_EQ(look(22 * second), std::vector{0}) << "the next one";
}

TEST_F(SlowWatchTest, time_that_a_request_waits_for_its_client_does_not_count) {
    begin(0, 10 * second);
    board->thread[0].request_started_us = INT64_MAX;
    EXPECT_TRUE(look(60 * second).empty());
}

TEST_F(SlowWatchTest, tells_a_few_a_second_and_counts_the_rest) {
    constexpr std::size_t all = 15;
    for (std::size_t i = 0; i < all; ++i) begin(i, second);
    EXPECT_EQ(look(10 * second).size(), static_cast<std::size_t>(SlowWatch::most_per_second));
    EXPECT_EQ(watch.take_left_out(10 * second + 1), 0u) << "the second is not over";
    EXPECT_TRUE(look(11 * second).empty()) << "what was left out stays so";
    EXPECT_EQ(watch.take_left_out(11 * second), all - SlowWatch::most_per_second);
    EXPECT_EQ(watch.take_left_out(12 * second), 0u);
}

}  // namespace
}  // namespace vassal::master
