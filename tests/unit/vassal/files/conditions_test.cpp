// SPDX-License-Identifier: Apache-2.0
#include "vassal/files/conditions.h"

#include <gtest/gtest.h>

#include "vassal/files/http_date.h"

namespace vassal::files {

void PrintTo(const Verdict& verdict, std::ostream* out) {
    *out << verdict.status << " " << verdict.offset << "+" << verdict.count;
}

namespace {

constexpr std::int64_t modified = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr std::string_view at_that_time = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::string_view before = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr Verdict whole{200, 0, 1000};

Verdict of(const Conditions& conditions, bool is_head = false, std::uint64_t size = 1000) {
    return judge({.etag = "\"a,b\"", .modified = modified, .size = size}, conditions, is_head);
}

TEST(HttpDate, all_three_forms_are_the_same_moment) {
    EXPECT_EQ(parse_http_date(at_that_time), modified);
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), modified);
    EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), modified);
    EXPECT_EQ(parse_http_date("Saturday, 01-Jan-00 00:00:00 GMT"), 946'684'800);
}

TEST(HttpDate, what_is_no_date_is_none_wherever_it_is_cut) {
    for (const std::string_view text : {at_that_time, std::string_view("Sunday, 06-Nov-94 08:49:37 GMT"),
                                        std::string_view("Sun Nov  6 08:49:37 1994")}) {
        for (std::size_t size = 0; size < text.size(); ++size) {
            EXPECT_EQ(parse_http_date(text.substr(0, size)), std::nullopt) << text.substr(0, size);
        }
    }
    for (const std::string_view text : {"Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 24:49:37 GMT", "yesterday",
                                        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
                                        "Sun, +6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ", ","}) {
        EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
    }
}

TEST(Conditions, none_is_the_whole_file) { EXPECT_EQ(of({}), whole); }

TEST(Conditions, if_none_match_compares_weakly_and_reads_lists) {
    for (const std::string_view tags : {"\"a,b\"", "W/\"a,b\"", "*", "\"x\", \"a,b\"", "\"x\",W/\"a,b\" "}) {
        EXPECT_EQ(of({.if_none_match = tags}).status, 304) << tags;
    }
    for (const std::string_view tags : {"\"a\"", "a,b", "\"\"", "\"", "\"a,b"}) {
        EXPECT_EQ(of({.if_none_match = tags}), whole) << tags;
    }
}

TEST(Conditions, if_none_match_comes_before_if_modified_since) {
    EXPECT_EQ(of({.if_none_match = "\"x\"", .if_modified_since = at_that_time}), whole);
    EXPECT_EQ(of({.if_none_match = "\"a,b\"", .if_modified_since = before}).status, 304);
}

TEST(Conditions, if_modified_since_is_304_up_to_that_second) {
    EXPECT_EQ(of({.if_modified_since = at_that_time}).status, 304);
    EXPECT_EQ(of({.if_modified_since = before}), whole);
    EXPECT_EQ(of({.if_modified_since = "nonsense"}), whole);
}

TEST(Conditions, what_must_match_compares_strongly_or_is_412) {
    EXPECT_EQ(of({.if_match = "\"a,b\""}), whole);
    EXPECT_EQ(of({.if_match = "*"}), whole);
    EXPECT_EQ(of({.if_match = "W/\"a,b\""}).status, 412);
    EXPECT_EQ(of({.if_unmodified_since = at_that_time}), whole);
    EXPECT_EQ(of({.if_unmodified_since = before}).status, 412);
    EXPECT_EQ(of({.if_match = "\"a,b\"", .if_unmodified_since = before}), whole);
}

TEST(Ranges, one_range_is_a_part) {
    EXPECT_EQ(of({.range = "bytes=0-0"}), (Verdict{206, 0, 1}));
    EXPECT_EQ(of({.range = "bytes=10-19"}), (Verdict{206, 10, 10}));
    EXPECT_EQ(of({.range = "bytes=990-"}), (Verdict{206, 990, 10}));
    EXPECT_EQ(of({.range = "bytes=-10"}), (Verdict{206, 990, 10}));
    EXPECT_EQ(of({.range = "bytes=-5000"}), (Verdict{206, 0, 1000}));
    EXPECT_EQ(of({.range = "bytes=999-99999999999999999999999"}), (Verdict{206, 999, 1}));
    EXPECT_EQ(of({.range = "Bytes=10-19"}), (Verdict{206, 10, 10}));  // RFC 9110 14.1: without case
}

TEST(Ranges, beyond_the_end_is_416) {
    EXPECT_EQ(of({.range = "bytes=1000-"}).status, 416);
    EXPECT_EQ(of({.range = "bytes=-0"}).status, 416);
    EXPECT_EQ(of({.range = "bytes=0-"}, false, 0).status, 416);
    EXPECT_EQ(of({.range = "bytes=99999999999999999999999-"}).status, 416);
}

TEST(Ranges, what_is_not_understood_is_ignored) {
    for (const std::string_view range : {"bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=0-1,5-6", "lines=0-1",
                                         "bytes 0-1", "bytes=+1-2", "bytes=1", "bytes=1-2-3"}) {
        EXPECT_EQ(of({.range = range}), whole) << range;
    }
    EXPECT_EQ(of({.range = "bytes=0-0"}, true), whole);
}

TEST(Ranges, if_range_wants_the_same_version) {
    EXPECT_EQ(of({.range = "bytes=0-0", .if_range = "\"a,b\""}).status, 206);
    EXPECT_EQ(of({.range = "bytes=0-0", .if_range = at_that_time}).status, 206);
    for (const std::string_view other : {std::string_view("\"x\""), std::string_view("W/\"a,b\""), before,
                                         std::string_view("Sun, 06 Nov 1994 08:49:38 GMT"), std::string_view("x")}) {
        EXPECT_EQ(of({.range = "bytes=0-0", .if_range = other}), whole) << other;
    }
}

TEST(Ranges, a_precondition_comes_first) {
    EXPECT_EQ(of({.if_none_match = "\"a,b\"", .range = "bytes=0-0"}).status, 304);
    EXPECT_EQ(of({.if_match = "\"x\"", .range = "bytes=0-0"}).status, 412);
}

}  // namespace
}  // namespace vassal::files
