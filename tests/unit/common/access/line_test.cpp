// SPDX-License-Identifier: Apache-2.0
#include "common/access/line.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

namespace common::access {
namespace {

std::string field(std::string_view name, std::string_view value) {
    const auto size = [](std::size_t n) { return std::string{static_cast<char>(n & 0xff), static_cast<char>(n >> 8)}; };
    return size(name.size()) + size(value.size()) + std::string(name) + std::string(value);
}

struct Sample {
    std::map<std::string, std::string> variables{{"HTTP_USER_AGENT", "curl/8"}};
    std::string uri = "/shop/1?a=b";
    std::string fields;
    std::uint64_t duration_us = 12'345;
    std::int64_t end_us = 1'795'367'902'123'456;
    bool is_cut = false;

    // What a worker of that format would have sent.
    [[nodiscard]] Record record(const Format& format) const {
        Record record;
        record.head.end_us = end_us;
        record.head.bytes = 1234;
        record.head.duration_us = duration_us;
        record.head.pid = 4711;
        record.head.status = 200;
        for (std::size_t i = 0; i < format.copied.size(); ++i) record.values[i] = value(format.copied[i]);
        record.fields = fields;
        return record;
    }

private:
    [[nodiscard]] Value value(const Copied& copied) const {
        using Source = Copied::Source;
        switch (copied.source) {
            case Source::remote_addr: return {"203.0.113.9", false, false};
            case Source::method: return {"GET", false, false};
            case Source::uri: return {uri, is_cut, false};
            case Source::protocol: return {"HTTP/1.1", false, false};
            case Source::scheme: return {"https", false, false};
            case Source::host: return {"shop.example", false, false};
            case Source::request_id: return {"0123456789abcdef", false, false};
            case Source::variable: break;
        }
        const auto found = variables.find(copied.variable);
        return found == variables.end() ? Value{} : Value{found->second, is_cut, false};
    }
};

std::string line(Style style, std::string_view text, const Sample& sample = {}) {
    LineWriter writer(parse_format(style, text).value(), "shop", 7);
    auto room = std::make_unique<char[]>(max_line_size);
    const Record record = sample.record(writer.format());
    char* const end = writer.write(room.get(), record, {.worker = 2, .thread = 3, .epoch_offset_us = 0});
    return {room.get(), end};
}

TEST(AccessLine, the_default_text_is_the_combined_format_with_duration_and_request_id) {
    EXPECT_EQ(
        line(Style::text, ""),
        "203.0.113.9 - - [22/Nov/2026:17:18:22 +0000] \"GET /shop/1?a=b HTTP/1.1\" 200 1234 \"-\" \"curl/8\" 12.345 "
        "0123456789abcdef\n");
}

TEST(AccessLine, the_default_json_has_all_keys_always) {
    Sample sample;
    sample.fields = field("tenant", "a") + field("plan", "free") + field("tenant", "b");
    EXPECT_EQ(line(Style::json, "", sample),
              R"({"time":"2026-11-22T17:18:22.123Z","vassal":"shop","generation":7,"worker":2,"pid":4711,)"
              R"("remote_addr":"203.0.113.9","user":null,"method":"GET","uri":"/shop/1?a=b","protocol":"HTTP/1.1",)"
              R"("scheme":"https","host":"shop.example","status":200,"bytes":1234,"duration_ms":12.345,)"
              R"("request_id":"0123456789abcdef","referer":null,"user_agent":"curl/8",)"
              R"("fields":{"tenant":"b","plan":"free"}})"
              "\n");
}

TEST(AccessLine, every_field_has_its_text) {
    Sample sample;
    sample.variables = {{"REMOTE_USER", "ann"}, {"HTTP_REFERER", "http://r/"}, {"HTTP_X_T", "t"}};
    sample.fields = field("tenant", "a b");
    const struct {
        std::string_view text, expected;
    } rows[] = {
        {"{time}", "2026-11-22T17:18:22.123Z"},
        {"{time_common}", "22/Nov/2026:17:18:22 +0000"},
        {"{vassal} {generation} {worker} {thread} {pid}", "shop 7 2 3 4711"},
        {"{remote_addr} {user} {method}", "203.0.113.9 ann GET"},
        {"{uri} {path} {query}", "/shop/1?a=b /shop/1 a=b"},
        {"{protocol} {scheme} {host}", "HTTP/1.1 https shop.example"},
        {"{status} {bytes} {duration_ms} {duration_us}", "200 1234 12.345 12345"},
        {"{request_id} {referer} {user_agent}", "0123456789abcdef http://r/ -"},
        {"{header.X-T} {header.X-None} {field.tenant} {field.none}", "t - a b -"},
        {"a{{b}}c{status}", "a{b}c200"},
    };
    for (const auto& row : rows) EXPECT_EQ(line(Style::text, row.text, sample), std::string(row.expected) + "\n");
    EXPECT_EQ(line(Style::json, "{status},{header.X-T} {header.X-None} {field.tenant}", sample),
              R"({"status":200,"header_x_t":"t","header_x_none":null,"field_tenant":"a b"})"
              "\n");
}

TEST(AccessLine, a_path_is_found_in_every_form_of_a_target) {
    const struct {
        std::string uri;
        std::string_view expected;
    } rows[] = {{"/a?b?c", "/a b?c"},
                {"/a", "/a -"},
                {"/?", "/ -"},
                {"*", "* -"},
                {"http://h:1/p?q", "/p q"},
                {"http://h", "/ -"},
                {"/http://x/?y", "/http://x/ y"}};
    for (const auto& row : rows) {
        Sample sample;
        sample.uri = row.uri;
        EXPECT_EQ(line(Style::text, "{path} {query}", sample), std::string(row.expected) + "\n") << row.uri;
    }
}

TEST(AccessLine, nothing_that_a_client_sends_can_begin_a_line_or_end_a_string) {
    Sample sample;
    sample.variables["HTTP_USER_AGENT"] = "a\"b\\c\r\n127.0.0.1 - - \x1b[31m\x7f\xc2\x9b \xff\xc3\xa9";
    EXPECT_EQ(line(Style::text, "\"{user_agent}\"", sample),
              "\"a\\x22b\\x5cc\\x0d\\x0a127.0.0.1 - - \\x1b[31m\\x7f\\xc2\\x9b \\xff\xc3\xa9\"\n");
    EXPECT_EQ(
        line(Style::json, "{user_agent}", sample),
        "{\"user_agent\":\"a\\\"b\\\\c\\u000d\\u000a127.0.0.1 - - \\u001b[31m\\u007f\\u009b \xef\xbf\xbd\xc3\xa9\"}\n");
    sample.variables["REMOTE_USER"] = "ann [x] \"GET";
    EXPECT_EQ(line(Style::text, "{user}", sample), "ann\\x20[x]\\x20\\x22GET\n");
}

TEST(AccessLine, every_byte_stands_for_itself_or_is_escaped_wherever_it_stands) {
    for (int offset = 0; offset < 9; ++offset) {
        for (int c = 0; c < 256; ++c) {
            Sample sample;
            sample.variables["HTTP_USER_AGENT"] =
                std::string(static_cast<std::size_t>(offset), 'x') + static_cast<char>(c) + "12345678";
            const bool is_plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
            const std::string text = line(Style::text, "{user_agent}", sample);
            EXPECT_EQ(text.size(), static_cast<std::size_t>(offset) + (is_plain ? 1 : 4) + 8 + 1) << c << text;
        }
    }
}

TEST(AccessLine, a_cut_value_carries_a_mark) {
    Sample sample;
    sample.is_cut = true;
    EXPECT_EQ(line(Style::text, "{uri} {path} {user_agent}", sample), "/shop/1?a=b[...] /shop/1 curl/8[...]\n");
}

TEST(AccessLine, is_bounded_and_still_json_whatever_was_sent) {
    Sample sample;
    sample.is_cut = true;
    sample.uri = std::string(2000, '\1');
    std::string format = "{uri}";
    for (int i = 0; i < 20; ++i) {
        sample.variables["HTTP_H" + std::to_string(i)] = std::string(190, '\xff');
        format += "{header.h" + std::to_string(i) + "}";
    }
    for (int i = 0; i < 100; ++i) sample.fields += field("f" + std::to_string(i), "\"\"\"");
    const std::string json = line(Style::json, format, sample);
    EXPECT_LE(json.size(), max_line_size);
    EXPECT_TRUE(json.ends_with("\"}\n")) << json.substr(json.size() - 40);
    EXPECT_LE(line(Style::json, "", sample).size(), max_line_size);
    std::string worst;
    while (worst.size() + 13 <= max_format_size) worst += "{time_common}";
    EXPECT_LE(line(Style::text, worst, sample).size(), max_line_size);
    sample.duration_us = UINT64_MAX;
    sample.end_us = INT64_MIN;
    EXPECT_EQ(line(Style::text, "{duration_ms} {time}", sample), "18446744073709551.615 1970-01-01T00:00:00.000Z\n");
}

}  // namespace
}  // namespace common::access
