// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/request_ids.h"

#include <gmock/gmock.h>

#include <set>
#include <string>

namespace vassal::worker {
namespace {

using ::testing::MatchesRegex;

TEST(RequestIds, are_sixteen_hexadecimal_digits_and_never_twice_the_same) {
    RequestIds ids;
    std::set<std::string> seen;
    for (int i = 0; i < 10'000; ++i) {
        const std::string id(ids.next());
        ASSERT_THAT(id, MatchesRegex("[0-9a-f]{16}"));
        ASSERT_TRUE(seen.insert(id).second) << id;
    }
}

TEST(RequestIds, of_two_threads_differ) {
    RequestIds one;
    RequestIds other;
    EXPECT_NE(std::string(one.next()), std::string(other.next()));
}

TEST(RequestIds, of_neighbours_share_no_pattern) {
    RequestIds ids(0);
    EXPECT_EQ(ids.next(), "afcd1d7b39a820e2");  // SplitMix64 of 0 (0xe220a8397b1dcdaf), lowest byte first
    EXPECT_NE(ids.next().substr(0, 8), "afcd1d7b");
}

}  // namespace
}  // namespace vassal::worker
