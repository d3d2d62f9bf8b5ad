// SPDX-License-Identifier: Apache-2.0
// Runs tests/conformance/http/*.json through the HTTP codec: whole, and cut at every byte.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/vassal/protocol/case_files.h"
#include "vassal/protocol/chunked.h"
#include "vassal/protocol/http.h"

namespace vassal::protocol {
namespace {

using nlohmann::json;

std::string raw_of(const json& raw) {
    if (raw.is_string()) return bytes_of(raw);
    std::string all;
    for (const json& part : raw) {
        if (part.is_string()) {
            all += bytes_of(part);
        } else {
            for (int i = 0; i < part["times"].get<int>(); ++i) all += bytes_of(part["repeat"]);
        }
    }
    return all;
}

// One connection that receives `raw` in pieces that end at each of `cuts`.
struct Reading {
    Head head;
    Decoded decoded;
    std::string body;
    int status = 0;  // of a refusal, by head or by body
    bool has_body = false;

    void read(const std::string& raw, std::optional<std::size_t> cut) {
        const Facts facts{.server_name = "localhost",
                          .server_port = "8000",
                          .mount = {},
                          .remote_addr = "192.0.2.7",
                          .remote_port = "4711"};
        HttpScan scan;
        if (cut) {
            const std::string first = raw.substr(0, *cut);  // a copy: nothing behind the cut may be looked at
            decoded = decode_http(first, scan, {}, facts, head);
            if (decoded.outcome == Outcome::bad) status = decoded.status;
            if (decoded.outcome == Outcome::bad) return;
            if (decoded.outcome == Outcome::complete) scan = {};
        }
        decoded = decode_http(raw, scan, {}, facts, head);
        if (decoded.outcome == Outcome::bad) status = decoded.status;
        if (decoded.outcome == Outcome::complete) read_body(std::string_view(raw).substr(decoded.consumed));
    }

    void read_body(std::string_view rest) {
        if (!head.is_chunked) {
            body = rest.substr(0, head.content_length);
            has_body = body.size() == head.content_length;
            return;
        }
        ChunkedDecoder chunks;
        while (!rest.empty() && !chunks.is_done() && !chunks.is_bad()) {
            const auto step = chunks.next(rest);
            body += step.data;
            rest.remove_prefix(step.consumed);
        }
        status = chunks.failure();
        has_body = chunks.is_done();
    }
};

void check_accepted(const json& one, const Reading& reading) {
    ASSERT_EQ(reading.status, 0);
    ASSERT_EQ(reading.decoded.outcome, Outcome::complete);
    EXPECT_TRUE(reading.has_body);
    for (const auto& [key, value] : one["accept"].items()) {
        const app::Param* param = reading.head.params.find(std::string_view(key));
        ASSERT_NE(param, nullptr) << key;
        EXPECT_EQ(param->value, bytes_of(value)) << key;
    }
    for (const std::string& key : one.value("absent", std::vector<std::string>())) {
        EXPECT_EQ(reading.head.params.find(std::string_view(key)), nullptr) << key;
    }
    if (one.contains("keep_alive")) {
        EXPECT_EQ(reading.head.keep_alive, one["keep_alive"].get<bool>());
    }
    if (one.contains("scheme")) {
        EXPECT_EQ(reading.head.url_scheme, one["scheme"].get<std::string>());
    }
    if (one.contains("body")) {
        EXPECT_EQ(reading.body, bytes_of(one["body"]));
    }
}

void check(const json& one, const Reading& reading) {
    if (one.contains("refuse")) {
        EXPECT_EQ(reading.status, one["refuse"].get<int>());
    } else if (one.contains("more")) {
        EXPECT_EQ(reading.decoded.outcome, Outcome::need_more);
    } else {
        check_accepted(one, reading);
    }
}

TEST(HttpConformance, every_case_has_the_outcome_that_its_file_says) {
    const auto all = cases_of("http");
    ASSERT_GT(all.size(), 90u);
    Reading reading;
    for (const json& one : all) {
        SCOPED_TRACE(one["name"].get<std::string>());
        reading = {};
        const std::string raw = raw_of(one["raw"]);  // outlives the views
        reading.read(raw, std::nullopt);
        check(one, reading);
    }
}

TEST(HttpConformance, a_cut_at_any_byte_changes_no_outcome) {
    for (const json& one : cases_of("http")) {
        const std::string raw = raw_of(one["raw"]);
        if (raw.size() > 2000) continue;
        for (std::size_t cut = 0; cut <= raw.size(); ++cut) {
            SCOPED_TRACE(one["name"].get<std::string>() + " cut at " + std::to_string(cut));
            Reading reading;
            reading.read(raw, cut);
            check(one, reading);
            if (testing::Test::HasFailure()) return;
        }
    }
}

TEST(HttpConformance, a_truncated_request_is_never_accepted) {
    const std::string raw = "POST /a%20b?c HTTP/1.1\r\nHost: a\r\nCookie: x=1\r\nContent-Length: 3\r\n\r\n";
    for (std::size_t size = 0; size < raw.size(); ++size) {
        HttpScan scan;
        Head head;
        const std::string part = raw.substr(0, size);
        EXPECT_EQ(decode_http(part, scan, {}, Facts(), head).outcome, Outcome::need_more) << size;
    }
}

TEST(HttpConformance, the_longest_request_line_may_end_between_two_packets) {
    const std::string before = "GET /", after = " HTTP/1.1\r\n";
    const std::string path(max_request_line + 2 - before.size() - after.size(), 'a');
    const std::string raw = before + path + after + "Host: a\r\n\r\n";
    const std::size_t line_feed = max_request_line + 1;
    ASSERT_EQ(raw[line_feed], '\n');
    Reading reading;
    reading.read(raw, line_feed);
    EXPECT_EQ(reading.status, 0);
    EXPECT_EQ(reading.decoded.outcome, Outcome::complete);
}

TEST(Chunked, any_split_of_the_input_gives_the_same_body) {
    const std::string raw = "3;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-T: 1\r\nY: 2\r\n\r\nGET";
    for (std::size_t cut = 0; cut <= raw.size(); ++cut) {
        ChunkedDecoder chunks;
        std::string body;
        std::size_t consumed = 0;
        for (const std::string& part : {raw.substr(0, cut), raw.substr(cut)}) {
            std::string_view rest = part;
            while (!rest.empty() && !chunks.is_done()) {
                const auto step = chunks.next(rest);
                body += step.data;
                consumed += step.consumed;
                rest.remove_prefix(step.consumed);
            }
        }
        EXPECT_TRUE(chunks.is_done()) << cut;
        EXPECT_EQ(body, "abc0123456789") << cut;
        EXPECT_EQ(consumed, raw.size() - 3) << cut;
    }
}

TEST(Chunked, a_truncated_body_is_never_complete) {
    const std::string raw = "3\r\nabc\r\n0\r\n\r\n";
    for (std::size_t size = 0; size < raw.size(); ++size) {
        ChunkedDecoder chunks;
        std::string_view rest = std::string_view(raw).substr(0, size);
        while (!rest.empty()) rest.remove_prefix(chunks.next(rest).consumed);
        EXPECT_FALSE(chunks.is_done()) << size;
        EXPECT_FALSE(chunks.is_bad()) << size;
    }
}

}  // namespace
}  // namespace vassal::protocol
