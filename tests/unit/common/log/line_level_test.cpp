// SPDX-License-Identifier: Apache-2.0
#include "common/log/line_level.h"

#include <gtest/gtest.h>

namespace common::log {
namespace {

TEST(LineLevel, is_the_word_that_the_app_wrote) {
    const std::pair<const char*, Level> table[] = {
        {"", Level::info},
        {"hello", Level::info},
        {"WARNING:root:careful", Level::warn},
        {"2026-11-22 13:40:00,123 ERROR shop.views: no stock", Level::error},
        {"[2026-11-22 13:40:00 +0000] [7] [DEBUG] x", Level::debug},
        {"[CRITICAL] out of memory", Level::error},
        {"INFO 3 ERRORs were mended", Level::info},
        {"Traceback (most recent call last):", Level::error},
        {"the word error in a sentence", Level::info},
        {"ERROR_LOG=/var/log/x", Level::info},
        {"MYERROR is another word", Level::info},
        {"FATAL", Level::error},
        {"level=WARN msg=x", Level::warn},
    };
    for (const auto& [text, level] : table) EXPECT_EQ(level_of_line(text), level) << text;
    EXPECT_EQ(level_of_line(std::string(100, ' ') + "ERROR"), Level::info);
}

}  // namespace
}  // namespace common::log
