// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/since.h"

#include <gtest/gtest.h>

#include <ctime>

#include "emperor/ctl/pattern.h"

namespace emperor::ctl {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t now = 1'795'354'805 * second;  // 2026-11-22T13:40:05Z

std::int64_t local(const char* text, const char* format) {
    std::tm parts{};
    ::strptime(text, format, &parts);
    parts.tm_isdst = -1;
    return std::mktime(&parts) * second;
}

TEST(Since, spans_count_back_from_now) {
    EXPECT_EQ(parse_since("10m", now), now - 600 * second);
    EXPECT_EQ(parse_since("2h", now), now - 7200 * second);
    EXPECT_EQ(parse_since("3d", now), now - 3 * 86400 * second);
    EXPECT_EQ(parse_since("500ms", now), now - second / 2);
    EXPECT_EQ(parse_since("9999d", 5), 0);
}

TEST(Since, times_are_local_unless_they_name_a_zone) {
    EXPECT_EQ(parse_since("2026-11-22T13:40:05Z", now), 1'795'354'805 * second);
    EXPECT_EQ(parse_since("2026-11-22T13:40:05.25Z", now), 1'795'354'805 * second + 250'000);
    EXPECT_EQ(parse_since("2026-11-22 14:40:05+01:00", now), 1'795'354'805 * second);
    EXPECT_EQ(parse_since("2026-11-22T10:10:05-0330", now), 1'795'354'805 * second);
    EXPECT_EQ(parse_since("2026-11-22 13:40", now), local("2026-11-22 13:40", "%Y-%m-%d %H:%M"));
    EXPECT_EQ(parse_since("2026-11-22", now), local("2026-11-22", "%Y-%m-%d"));
    EXPECT_EQ(parse_since("@1795354805", now), 1'795'354'805 * second);
}

TEST(Since, a_time_of_day_is_todays) {
    const std::time_t seconds = now / second;
    std::tm today{};
    ::localtime_r(&seconds, &today);
    today.tm_hour = 9, today.tm_min = 30, today.tm_sec = 0, today.tm_isdst = -1;
    EXPECT_EQ(parse_since("09:30", now), std::mktime(&today) * second);
    EXPECT_EQ(parse_since("09:30:07", now), (std::mktime(&today) + 7) * second);
}

TEST(Since, anything_else_is_refused) {
    for (const char* text : {"", "x", "10x", "-5m", "2026-13-01", "2026-11-22 25:00", "2026-11-22T13:40:05 nonsense",
                             "13:40+", "@", "@-1", "@1x", "2026-11-22T13:40:05+99:00"})
        EXPECT_EQ(parse_since(text, now), std::nullopt) << text;
}

TEST(Pattern, is_an_extended_regular_expression) {
    EXPECT_EQ(Pattern::problem_of("a|b+"), "");
    EXPECT_NE(Pattern::problem_of("(a").find("'(a' is not a regular expression: "), std::string::npos);
    EXPECT_NE(Pattern::problem_of("[z-a]"), "");
    const Pattern pattern("^(GET|POST) /[a-z]+$");
    EXPECT_TRUE(pattern.matches("GET /shop"));
    EXPECT_FALSE(pattern.matches("PUT /shop"));
    EXPECT_TRUE(Pattern("x$").matches(std::string(200'000, 'x')));
}

}  // namespace
}  // namespace emperor::ctl
