// SPDX-License-Identifier: Apache-2.0
#include "vassal/link/activity.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vassal::link {
namespace {

bool is_readable(int fd) {
    pollfd wait{fd, POLLIN, 0};
    return ::poll(&wait, 1, 0) == 1;
}

class ActivityTest : public ::testing::Test {
protected:
    void SetUp() override {
        activity_.take_news();
        ASSERT_TRUE(activity_.fall_asleep());
    }
    Activity activity_ = Activity::create().value();
};

TEST_F(ActivityTest, the_first_note_after_a_sleep_writes_and_further_ones_do_not) {
    EXPECT_FALSE(is_readable(activity_.eventfd()));
    activity_.note();
    ASSERT_TRUE(is_readable(activity_.eventfd()));
    EXPECT_TRUE(activity_.take_news());
    activity_.note();
    activity_.note();
    EXPECT_FALSE(is_readable(activity_.eventfd())) << "the master is awake";
    EXPECT_TRUE(activity_.take_news());
    EXPECT_FALSE(activity_.take_news());
}

TEST_F(ActivityTest, the_master_does_not_fall_asleep_over_news) {
    activity_.note();
    activity_.take_news();
    activity_.note();
    EXPECT_FALSE(activity_.fall_asleep());
    activity_.take_news();
    EXPECT_TRUE(activity_.fall_asleep());
}

TEST_F(ActivityTest, a_hurry_writes_once_between_two_looks_and_also_while_the_master_is_awake) {
    activity_.note();
    activity_.take_news();
    activity_.hurry();
    ASSERT_TRUE(is_readable(activity_.eventfd()));
    std::uint64_t count = 0;
    ASSERT_EQ(::read(activity_.eventfd(), &count, sizeof count), 8);
    activity_.hurry();
    EXPECT_FALSE(is_readable(activity_.eventfd()));
    activity_.take_news();
    activity_.hurry();
    EXPECT_TRUE(is_readable(activity_.eventfd()));
}

TEST_F(ActivityTest, another_process_is_heard) {
    const pid_t child = ::fork();
    if (child == 0) {
        activity_.note();
        ::_exit(0);
    }
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    EXPECT_TRUE(is_readable(activity_.eventfd()));
    EXPECT_TRUE(activity_.take_news());
}

}  // namespace
}  // namespace vassal::link
