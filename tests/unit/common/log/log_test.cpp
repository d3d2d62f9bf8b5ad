// SPDX-License-Identifier: Apache-2.0
#include "common/log/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "common/base/unique_fd.h"
#include "common/log/text.h"

namespace common::log {
namespace {

constexpr std::int64_t moment = 1'795'354'800'123'456;  // 2026-11-22T13:40:00.123456Z

std::string read(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct LogFile : testing::Test {
    std::string path = testing::TempDir() + "log_test_" + std::to_string(::getpid()) + ".log";
    ~LogFile() override {
        std::remove(path.c_str());
        std::remove((path + ".1").c_str());
        configure({});
    }
};

TEST(Text, a_record_is_time_level_event_and_fields) {
    EXPECT_EQ(text_line(moment, Level::info, "ready", {{"vassal", "shop"}, {"pid", 4711}}, false),
              "2026-11-22T13:40:00.123Z info  ready vassal=shop pid=4711");
}

TEST(Text, a_value_with_spaces_or_quotes_is_quoted) {
    EXPECT_EQ(text_line(moment, Level::warn, "x", {{"reason", "say \"no\" now"}, {"empty", ""}}, false),
              "2026-11-22T13:40:00.123Z warn  x reason=\"say \\\"no\\\" now\" empty=\"\"");
}

TEST(Text, control_characters_cannot_forge_a_line) {
    EXPECT_EQ(escape("a\nb\t\x1b[0m\x7f"), "a\\nb\\t\\x1b[0m\\x7f");
    EXPECT_EQ(escape("\xC2\x9B"), "\\xc2\\x9b");
}

TEST(Text, invalid_utf8_is_shown_as_bytes_and_valid_utf8_stays) {
    EXPECT_EQ(escape("gr\xC3\xBC\xC3\x9F"), "gr\xC3\xBC\xC3\x9F");
    EXPECT_EQ(escape("\xC3("), "\\xc3(");
    EXPECT_EQ(escape("\xED\xA0\x80"), "\\xed\\xa0\\x80");
}

TEST(Text, an_app_line_names_the_worker_or_only_the_vassal) {
    EXPECT_EQ(text_app_line(moment, "shop", 2, "Starting", false), "2026-11-22T13:40:00.123Z info  shop[2] | Starting");
    EXPECT_EQ(text_app_line(moment, "shop", 0, "Starting", false), "2026-11-22T13:40:00.123Z info  shop | Starting");
}

TEST(Json, a_record_is_one_object_with_microseconds) {
    EXPECT_EQ(
        json_line(moment, Level::error, "exit", {{"code", 1}, {"expected", false}, {"rate", 0.5}, {"why", "a\"\n\\"}}),
        R"({"ts":"2026-11-22T13:40:00.123456Z","level":"error","event":"exit","code":1,"expected":false,"rate":0.5,"why":"a\"\n\\"})");
}

TEST(Json, invalid_utf8_becomes_the_replacement_character) {
    EXPECT_EQ(json_string("a\xFF\x01"), "\"a\xEF\xBF\xBD\\u0001\"");
}

TEST(Json, controls_of_eight_bits_are_escaped_and_other_letters_stay) {
    EXPECT_EQ(json_string("\xC2\x9B" "2J gr\xC3\xBC\xC3\x9F \x7f"), "\"\\u009b2J gr\xC3\xBC\xC3\x9F \\u007f\"");
}

TEST_F(LogFile, records_below_the_level_are_not_written) {
    configure({.level = Level::warn, .file = path});
    info("quiet");
    warn("loud");
    EXPECT_EQ(read(path).find("quiet"), std::string::npos);
    EXPECT_NE(read(path).find("loud"), std::string::npos);
}

TEST_F(LogFile, a_fifo_that_nobody_opens_is_no_file_and_holds_nobody_up) {
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    testing::internal::CaptureStderr();
    configure({.file = path});
    info("hello");
    const std::string told = testing::internal::GetCapturedStderr();
    EXPECT_NE(told.find("log file cannot be opened"), std::string::npos) << told;
    EXPECT_NE(told.find("hello"), std::string::npos);
}

TEST_F(LogFile, a_fifo_that_nobody_reads_loses_lines_and_holds_nobody_up) {
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    const UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    configure({.file = path});
    const std::uint64_t before = lost_lines();
    const std::string text(1000, 'x');
    for (int number = 0; number < 3000; ++number) info("hello", {{"text", text}});
    EXPECT_GT(lost_lines(), before);
}

TEST_F(LogFile, reopen_writes_to_a_new_file_after_rotation) {
    configure({.format = Format::json, .file = path});
    info("before");
    ASSERT_EQ(std::rename(path.c_str(), (path + ".1").c_str()), 0);
    reopen();
    info("after");
    EXPECT_NE(read(path + ".1").find("before"), std::string::npos);
    EXPECT_EQ(read(path).find("before"), std::string::npos);
    EXPECT_NE(read(path).find("after"), std::string::npos);
}

TEST_F(LogFile, a_file_that_cannot_be_opened_falls_back_to_standard_error) {
    testing::internal::CaptureStderr();
    configure({.file = "/proc/nowhere/x.log"});
    info("still heard");
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("log file cannot be opened"), std::string::npos);
    EXPECT_NE(text.find("still heard"), std::string::npos);
}

}  // namespace
}  // namespace common::log
