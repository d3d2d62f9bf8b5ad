// SPDX-License-Identifier: Apache-2.0
#include "common/access/format.h"

#include <gtest/gtest.h>

namespace common::access {
namespace {

std::string problem(Style style, std::string_view text) {
    const auto format = parse_format(style, text);
    return format ? "none" : format.error().message();
}

TEST(AccessFormat, a_slip_is_told_with_its_position_and_what_was_meant) {
    const struct {
        Style style;
        std::string_view text, expected;
    } rows[] = {
        {Style::text, "{tme}", "at position 1: unknown field 'tme' (did you mean 'time'?)"},
        {Style::text, "{status} {duration}", "at position 10: unknown field 'duration'"},
        {Style::text, "{status} {x}", "at position 10: unknown field 'x'"},
        {Style::text, "{status} {", "at position 10: a '{' without its '}' (as text, write '{{')"},
        {Style::text, "{status {time}", "at position 1: a '{' without its '}' (as text, write '{{')"},
        {Style::text, "{status}}", "at position 9: a '}' without its '{' (as text, write '}}')"},
        {Style::text, "{}", "at position 1: unknown field ''"},
        {Style::text, "GET {{status}}", "names no field (for example {status})"},
        {Style::text, "{status}\n{time}", "at position 9: a control character"},
        {Style::text, "{header.}",
         "at position 1: '' is no name for 'header.NAME' (letters, digits, '-' and '_', at most 64)"},
        {Style::text, "{field.a b}",
         "at position 1: 'a b' is no name for 'field.NAME' (letters, digits, '-' and '_', at most 64)"},
        {Style::json, "{time} status={status}",
         "at position 8: with 'access: json' this is a list of fields, '{time} {status}', without other text"},
        {Style::json, "{time}, {time}", "at position 9: the key 'time' is there already"},
        {Style::json, "{header.A-b} {header.a_B}", "at position 14: the key 'header_a_b' is there already"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(problem(row.style, row.text).substr(0, row.expected.size()), row.expected) << row.text;
}

TEST(AccessFormat, is_bounded) {
    EXPECT_EQ(problem(Style::text, std::string(1001, 'x')), "is longer than 1000 bytes");
    std::string many;
    for (std::size_t i = 0; i <= max_copied; ++i) many += "{header.h" + std::to_string(i) + "}";
    EXPECT_NE(problem(Style::text, many).find("more than 40 values"), std::string::npos) << problem(Style::text, many);
}

TEST(AccessFormat, the_worker_copies_only_what_is_asked_for_and_each_value_once) {
    const auto format =
        parse_format(Style::text, "{time} {status} {path} {query} {uri} {header.X-Trace} {header.content-type}")
            .value();
    using Source = Copied::Source;
    ASSERT_EQ(format.copied.size(), 3u);
    EXPECT_EQ(format.copied[0].source, Source::uri);
    EXPECT_EQ(format.copied[1].variable, "HTTP_X_TRACE");
    EXPECT_EQ(format.copied[2].variable, "CONTENT_TYPE");
    EXPECT_FALSE(format.wants_fields);
    EXPECT_TRUE(parse_format(Style::text, "{field.tenant}").value().wants_fields);
}

TEST(AccessFormat, both_defaults_are_formats) {
    EXPECT_EQ(problem(Style::text, ""), "none");
    EXPECT_EQ(problem(Style::json, ""), "none");
    EXPECT_TRUE(parse_format(Style::json, "").value().wants_fields);
}

TEST(AccessFormat, every_documented_field_is_known_in_both_styles) {
    for (const std::string& name : field_names()) {
        EXPECT_EQ(problem(Style::text, "{" + name + "}"), "none") << name;
        EXPECT_EQ(problem(Style::json, "{" + name + "}"), "none") << name;
    }
}

}  // namespace
}  // namespace common::access
