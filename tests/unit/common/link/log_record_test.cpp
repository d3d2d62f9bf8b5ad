// SPDX-License-Identifier: Apache-2.0
#include "common/link/log_record.h"

#include <gtest/gtest.h>

namespace common::link {
namespace {

LogRecord a_record() { return {LogStream::err, 3, 12, 1'700'000'000'000'001, 5, true, "Starting \xff now"}; }

TEST(LogRecord, survives_the_way_byte_by_byte) {
    const auto decoded = decode_log_record(encode(a_record()));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->stream, LogStream::err);
    EXPECT_EQ(decoded->worker, 3);
    EXPECT_EQ(decoded->generation, 12u);
    EXPECT_EQ(decoded->time_us, 1'700'000'000'000'001);
    EXPECT_EQ(decoded->dropped, 5u);
    EXPECT_TRUE(decoded->is_journaled);
    EXPECT_EQ(decoded->text, "Starting \xff now");
}

TEST(LogRecord, an_empty_line_is_a_line) {
    LogRecord record = a_record();
    record.text.clear();
    EXPECT_EQ(decode_log_record(encode(record))->text, "");
}

TEST(LogRecord, longer_text_is_cut_to_the_limit) {
    LogRecord record = a_record();
    record.text.assign(max_line_size + 5, 'x');
    EXPECT_EQ(decode_log_record(encode(record))->text.size(), max_line_size);
}

TEST(LogRecord, short_long_and_unknown_ones_are_errors) {
    const std::string whole = encode(a_record());
    for (std::size_t length = 0; length < whole.size() - a_record().text.size(); ++length)
        EXPECT_FALSE(decode_log_record(std::string_view(whole).substr(0, length))) << length;
    EXPECT_FALSE(decode_log_record(whole + std::string(max_line_size, 'x')));
    std::string other = whole;
    other[0] = 4;
    EXPECT_FALSE(decode_log_record(other));
}

TEST(LogRecord, lines_of_the_access_log_come_many_at_a_time) {
    LogRecord record = a_record();
    record.stream = LogStream::access;
    record.text.assign(max_batch_size, 'x');
    const auto decoded = decode_log_record(encode(record));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->stream, LogStream::access);
    EXPECT_EQ(decoded->text.size(), max_batch_size);
    EXPECT_FALSE(decode_log_record(encode(record) + "x"));
}

}  // namespace
}  // namespace common::link
