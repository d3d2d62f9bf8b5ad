// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/request_watch.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

namespace vassal::master {
namespace {

using common::scoreboard::WorkerSlot;

constexpr std::uint64_t second = 1'000'000;
constexpr std::uint64_t now = 1000 * second;
constexpr std::uint64_t timeout = 60 * second;

class RequestWatch : public testing::Test {
protected:
    void begin(int thread, std::uint64_t started, std::string_view line) {
        auto& slot = board->thread[static_cast<std::size_t>(thread)];
        std::memcpy(slot.request_line.data(), line.data(), line.size());
        slot.request_line_length = static_cast<std::uint32_t>(line.size());
        slot.request_started_us = started;
        ++slot.request_sequence;
    }
    WatchResult look() {
        const WatchedWorker workers[] = {{{2, 1}, board.get(), judged}};
        return look_at_requests(workers, 2, now, timeout);
    }

    std::unique_ptr<WorkerSlot> board = std::make_unique<WorkerSlot>();
    std::vector<std::uint64_t> judged;
};

TEST_F(RequestWatch, an_idle_vassal_is_looked_at_once_per_timeout) {
    const auto result = look();
    EXPECT_TRUE(result.overdue.empty());
    EXPECT_EQ(result.next_look_us, now + timeout);
}

TEST_F(RequestWatch, the_next_look_is_when_the_oldest_request_expires) {
    begin(0, now - 10 * second, "GET /a");
    begin(1, now - 20 * second, "GET /b");
    EXPECT_EQ(look().next_look_us, now + 40 * second);
}

TEST_F(RequestWatch, every_overdue_request_is_named_with_its_thread_and_sequence) {
    begin(0, now - 60 * second, "GET /slow HTTP/1.1");
    begin(1, now - 61 * second, "GET /slower?x=1 HTTP/1.1");
    board->thread[1].request_sequence = 41;
    const auto result = look();
    ASSERT_EQ(result.overdue.size(), 2u);
    EXPECT_EQ(result.overdue[0].at, (Place{2, 1}));
    EXPECT_EQ(result.overdue[0].thread, 0);
    EXPECT_EQ(result.overdue[1].thread, 1);
    EXPECT_EQ(result.overdue[1].sequence, 41u);
    EXPECT_EQ(timeout_text(result.overdue[1]), "request timeout: GET /slower?x=1 after 61 s");
}

TEST_F(RequestWatch, what_was_judged_is_not_looked_at_again) {
    begin(0, now - 60 * second, "GET /slow");
    begin(1, now - 10 * second, "GET /other");
    judged = {1};
    EXPECT_TRUE(look().overdue.empty());
    EXPECT_TRUE(look().returned.empty());
    EXPECT_EQ(look().next_look_us, now + 50 * second);
}

TEST_F(RequestWatch, the_next_request_of_a_thread_that_came_back_is_looked_at) {
    begin(0, now - 90 * second, "GET /slow");
    judged = {1};
    begin(0, now - 61 * second, "GET /slow/too");
    const auto result = look();
    ASSERT_EQ(result.returned.size(), 1u);
    EXPECT_EQ(result.returned[0].thread, 0);
    ASSERT_EQ(result.overdue.size(), 1u);
    EXPECT_EQ(result.overdue[0].sequence, 2u);
    board->thread[0].request_started_us = 0;
    EXPECT_EQ(look().returned.size(), 1u) << "between two requests";
    EXPECT_TRUE(look().overdue.empty());
}

TEST_F(RequestWatch, short_timeouts_show_tenths) {
    EXPECT_EQ(timeout_text({{1, 0}, 0, 0, 1'550'000, "GET /"}), "request timeout: GET / after 1.5 s");
    EXPECT_EQ(timeout_text({{1, 0}, 0, 0, 2'000'000, "GET /"}), "request timeout: GET / after 2 s");
}

TEST_F(RequestWatch, nonsense_in_the_scoreboard_harms_nobody) {
    begin(0, now + 5 * second, "from the future");
    EXPECT_TRUE(look().overdue.empty());
    begin(0, 1, "a\nb\x01");
    board->thread[0].request_line_length = 0xffffffff;
    const auto result = look();
    ASSERT_EQ(result.overdue.size(), 1u);
    EXPECT_EQ(result.overdue[0].request.substr(0, 4), "a?b?");
}

}  // namespace
}  // namespace vassal::master
