// SPDX-License-Identifier: Apache-2.0
#include "common/base/natural_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace common {
namespace {

TEST(NaturalOrder, numbers_count_by_value) {
    const std::vector<std::string> expected = {"",      "10",     "app",   "app-2",     "app-02", "app-10",
                                               "app-10a", "app-10b", "app-a", "app2-1", "b"};
    std::vector<std::string> names = expected;
    std::reverse(names.begin(), names.end());
    std::sort(names.begin(), names.end(), natural_less);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::vector<std::string> sorted = expected;
    std::sort(sorted.begin(), sorted.end(), natural_less);
    EXPECT_EQ(names, sorted) << "whatever the order before";
    EXPECT_TRUE(natural_less("app-2", "app-10"));
    EXPECT_FALSE(natural_less("app-10", "app-2"));
    EXPECT_TRUE(natural_less("app", "app-1"));
    EXPECT_TRUE(natural_less("9", "99999999999999999999999999"));
    EXPECT_TRUE(natural_less("app-10a", "app-10b"));
}

TEST(NaturalOrder, names_that_differ_in_zeroes_only_have_an_order_too) {
    EXPECT_NE(natural_less("app-2", "app-02"), natural_less("app-02", "app-2"));
    EXPECT_FALSE(natural_less("app-2", "app-2"));
}

}  // namespace
}  // namespace common
