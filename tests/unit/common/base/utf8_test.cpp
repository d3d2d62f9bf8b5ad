// SPDX-License-Identifier: Apache-2.0
#include "common/base/utf8.h"

#include <gtest/gtest.h>

namespace common {
namespace {

TEST(Utf8, the_length_of_a_sequence_is_that_of_rfc_3629) {
    EXPECT_EQ(utf8_length("a"), 1u);
    EXPECT_EQ(utf8_length("\xc3\xa9x"), 2u);
    EXPECT_EQ(utf8_length("\xe2\x82\xac"), 3u);
    EXPECT_EQ(utf8_length("\xf0\x9f\x98\x80"), 4u);
    for (const char* bad :
         {"", "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xc3", "\xe2\x82"})
        EXPECT_EQ(utf8_length(bad), 0u) << bad;
}

TEST(Utf8, controls_are_those_of_c0_c1_and_del) {
    EXPECT_TRUE(is_control("\n"));
    EXPECT_TRUE(is_control("\x7f"));
    EXPECT_TRUE(is_control("\xc2\x9b"));
    EXPECT_FALSE(is_control("a"));
    EXPECT_FALSE(is_control("\xc2\xa0"));
}

}  // namespace
}  // namespace common
