// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/lock_watch.h"

#include <gtest/gtest.h>

#include <memory>

namespace vassal::master {
namespace {

class LockWatchTest : public ::testing::Test {
protected:
    std::unique_ptr<common::scoreboard::WorkerSlot> worker_ = std::make_unique<common::scoreboard::WorkerSlot>();
    LockWatch watch_;

    LockWatchTest() { worker_->threads = 2; }
    void waits(std::size_t thread, std::uint32_t count) { worker_->thread[thread].lock_wait = count; }
};

TEST_F(LockWatchTest, a_wait_that_lasts_from_look_to_look_is_long) {
    EXPECT_FALSE(watch_.look(*worker_));
    waits(1, 7);
    EXPECT_FALSE(watch_.look(*worker_)) << "it may have begun just now";
    EXPECT_TRUE(watch_.look(*worker_));
    EXPECT_TRUE(watch_.look(*worker_)) << "and still is";
    waits(1, 8);
    EXPECT_FALSE(watch_.look(*worker_));
}

TEST_F(LockWatchTest, short_waits_in_a_row_are_not) {
    for (std::uint32_t count = 1; count < 20; count += 2) {
        waits(0, count);
        EXPECT_FALSE(watch_.look(*worker_));
    }
}

TEST_F(LockWatchTest, workers_are_told_apart_and_unused_threads_do_not_count) {
    const auto other = std::make_unique<common::scoreboard::WorkerSlot>();
    other->threads = 2;
    waits(0, 1);
    waits(2, 1);
    EXPECT_FALSE(watch_.look(*worker_));
    EXPECT_FALSE(watch_.look(*other));
    EXPECT_TRUE(watch_.look(*worker_));
    EXPECT_FALSE(watch_.look(*other));
    waits(0, 2);
    EXPECT_FALSE(watch_.look(*worker_)) << "the third thread is none of its";
}

}  // namespace
}  // namespace vassal::master
