// SPDX-License-Identifier: Apache-2.0
#include "common/base/nearest.h"

#include <gtest/gtest.h>

namespace common {
namespace {

const std::vector<std::string> keys = {"workers", "threads", "timeouts", "socket", "env"};

TEST(Nearest, counts_insertions_deletions_substitutions_and_swaps) {
    EXPECT_EQ(edit_distance("", "abc"), 3u);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
    EXPECT_EQ(edit_distance("wrokers", "workers"), 1u);
    EXPECT_EQ(edit_distance("same", "same"), 0u);
}

TEST(Nearest, finds_the_word_behind_a_slip) {
    EXPECT_EQ(nearest("worker", keys, 3), std::vector<std::string>{"workers"});
    EXPECT_EQ(nearest("vacuum", keys, 3), std::vector<std::string>{});
}

TEST(Nearest, with_any_gives_the_three_closest_however_far) {
    const auto names = nearest("shop", keys, 3, true);
    EXPECT_EQ(names.size(), 3u);
    EXPECT_TRUE(nearest("shop", {}, 3, true).empty());
}

}  // namespace
}  // namespace common
