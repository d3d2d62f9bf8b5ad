// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/wrong_tokens.h"

#include <gtest/gtest.h>

namespace emperor::web {
namespace {

using namespace std::chrono_literals;

struct WrongTokensTest : ::testing::Test {
    boost::asio::io_context io;
    common::TimePoint now{1h};
    WrongTokens tokens{io, {.least = 250ms, .most = 2s, .fresh = 30s, .quiet = 10s, .peers = 3}};
};

TEST_F(WrongTokensTest, each_one_doubles_the_wait_up_to_a_bound) {
    EXPECT_EQ(tokens.delay_of("10.0.0.1", now), 0ms);
    for (const auto expected : {250ms, 500ms, 1000ms, 2000ms, 2000ms}) {
        tokens.add("10.0.0.1", now);
        EXPECT_EQ(tokens.delay_of("10.0.0.1", now), expected);
    }
    for (int more = 0; more < 100; ++more) tokens.add("10.0.0.1", now);
    EXPECT_EQ(tokens.delay_of("10.0.0.1", now), 2000ms);
}

TEST_F(WrongTokensTest, others_do_not_wait_and_time_heals) {
    tokens.add("10.0.0.1", now);
    EXPECT_EQ(tokens.delay_of("10.0.0.2", now), 0ms);
    now += 29s;
    EXPECT_EQ(tokens.delay_of("10.0.0.1", now), 250ms);
    now += 1s;
    EXPECT_EQ(tokens.delay_of("10.0.0.1", now), 0ms);
    tokens.add("10.0.0.1", now);
    EXPECT_EQ(tokens.delay_of("10.0.0.1", now), 250ms) << "from the beginning";
}

TEST_F(WrongTokensTest, of_too_many_the_quietest_is_forgotten) {
    for (const char* peer : {"a", "b", "c", "d"}) tokens.add(peer, now += 1s);
    EXPECT_EQ(tokens.delay_of("a", now), 0ms);
    for (const char* peer : {"b", "c", "d"}) EXPECT_EQ(tokens.delay_of(peer, now), 250ms) << peer;
    tokens.add("d", now);
    EXPECT_EQ(tokens.delay_of("b", now), 250ms) << "who is known already needs no other's place";
}

}  // namespace
}  // namespace emperor::web
