// SPDX-License-Identifier: Apache-2.0
// Runs the cases of tests/conformance/uwsgi, fastcgi and scgi: whole, and cut at every byte.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/vassal/protocol/case_files.h"
#include "vassal/protocol/fastcgi.h"
#include "vassal/protocol/scgi.h"
#include "vassal/protocol/uwsgi.h"

namespace vassal::protocol {
namespace {

using nlohmann::json;

const Facts facts{.server_name = "localhost", .server_port = "", .mount = {}, .remote_addr = {}, .remote_port = {}};

std::string content_of(const json& content) {
    if (content.is_string()) return bytes_of(content);
    std::string block;
    for (const auto& [key, value] : content.items()) {
        const std::string text = bytes_of(value);
        block += {static_cast<char>(key.size()), static_cast<char>(text.size())};
        block += key + text;
    }
    return block;
}

std::string record_of(const json& record, std::size_t padding) {
    const std::string type = record[0];
    const int id = record[1];
    char number = 0;
    std::string content;
    if (type == "begin") {
        number = 1;
        const bool keep = record.size() > 2;
        content = {
            0, static_cast<char>(record.size() > 3 ? record[3].get<int>() : 1), static_cast<char>(keep), 0, 0, 0, 0, 0};
    } else {
        number = static_cast<char>(type == "abort" ? 2 : type == "params" ? 4 : type == "stdin" ? 5 : std::stoi(type));
        if (record.size() > 2) content = content_of(record[2]);
    }
    return std::string{1,
                       number,
                       0,
                       static_cast<char>(id),
                       static_cast<char>(content.size() >> 8),
                       static_cast<char>(content.size()),
                       static_cast<char>(padding),
                       0} +
           content + std::string(padding, '\0');
}

std::string sized(const std::string& text) {
    return std::string{static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)} + text;
}

// `pairs` of a uwsgi case; {"repeat": [key, value], "times": n} stands for n pairs with the number in place of '%'.
std::string uwsgi_packet(const json& pairs, int modifier) {
    std::string block;
    for (const json& pair : pairs) {
        const int times = pair.is_array() ? 1 : pair["times"].get<int>();
        for (int i = 0; i < times; ++i) {
            for (std::string text : pair.is_array() ? pair : pair["repeat"]) {
                if (const auto at = text.find('%'); !pair.is_array() && at != std::string::npos) {
                    text.replace(at, 1, std::to_string(i));
                }
                block += sized(bytes_of(text));
            }
        }
    }
    return static_cast<char>(modifier) + sized(block).substr(0, 2) + '\0' + block;
}

struct Reading {
    Head head;
    Decoded decoded;
    FastCgiScan scan;
    TextBuffer replies;
    std::string body;

    void read_fastcgi(const std::string& raw, std::optional<std::size_t> cut) {
        if (cut) {
            const std::string first = raw.substr(0, *cut);  // a copy: nothing behind the cut may be looked at
            decoded = decode_fastcgi(first, scan, {}, facts, head, replies);
            if (decoded.outcome == Outcome::complete) scan = {}, replies.clear();
        }
        if (decoded.outcome != Outcome::bad && decoded.outcome != Outcome::skip) {
            decoded = decode_fastcgi(raw, scan, {}, facts, head, replies);
        }
        if (decoded.outcome != Outcome::complete) return;
        StdinDecoder stream(scan.id, 1);
        for (std::string_view rest = std::string_view(raw).substr(decoded.consumed);
             !rest.empty() && !stream.has_ended();) {
            const auto step = stream.next(rest, replies);
            body += step.data;
            rest.remove_prefix(step.consumed);
        }
        EXPECT_TRUE(stream.is_done());
    }
    void read_uwsgi(const std::string& raw, std::optional<std::size_t> cut) {
        if (cut) decoded = decode_uwsgi(std::string(raw, 0, *cut), {}, facts, head);
        if (decoded.outcome != Outcome::bad) decoded = decode_uwsgi(raw, {}, facts, head);
        if (decoded.outcome == Outcome::ping) replies.append(ping_reply);
        if (decoded.outcome == Outcome::complete) body = raw.substr(decoded.consumed, head.content_length);
    }
    void read_scgi(const std::string& raw, std::optional<std::size_t> cut) {
        if (cut) decoded = decode_scgi(std::string(raw, 0, *cut), {}, facts, head);
        if (decoded.outcome != Outcome::bad) decoded = decode_scgi(raw, {}, facts, head);
        if (decoded.outcome == Outcome::complete) body = raw.substr(decoded.consumed, head.content_length);
    }
};

void check(const json& one, const Reading& reading) {
    if (one.contains("replies")) {
        EXPECT_EQ(reading.replies.view(), bytes_of(one["replies"]));
    }
    if (one.contains("refuse")) {
        EXPECT_EQ(reading.decoded.outcome, Outcome::bad);
        EXPECT_EQ(reading.decoded.status, one["refuse"].get<int>());
    } else if (one.contains("ping")) {
        EXPECT_EQ(reading.decoded.outcome, Outcome::ping);
    } else if (one.contains("skip")) {
        EXPECT_EQ(reading.decoded.outcome, Outcome::skip);
    } else if (one.contains("more")) {
        EXPECT_EQ(reading.decoded.outcome, Outcome::need_more);
    } else {
        ASSERT_EQ(reading.decoded.outcome, Outcome::complete);
        for (const auto& [key, value] : one["accept"].items()) {
            const app::Param* param = reading.head.params.find(std::string_view(key));
            ASSERT_NE(param, nullptr) << key;
            EXPECT_EQ(param->value, bytes_of(value)) << key;
        }
        for (const std::string& key : one.value("absent", std::vector<std::string>())) {
            EXPECT_EQ(reading.head.params.find(std::string_view(key)), nullptr) << key;
        }
        EXPECT_EQ(reading.body, bytes_of(one.value("body", "")));
        if (one.contains("keep_alive")) {
            EXPECT_EQ(reading.head.keep_alive, one["keep_alive"].get<bool>());
        }
    }
}

template <class Read>
void run_whole_and_cut(const json& one, const std::string& raw, Read read) {
    SCOPED_TRACE(one["name"].get<std::string>());
    for (std::size_t cut = 0; cut <= raw.size(); ++cut) {
        SCOPED_TRACE("cut at " + std::to_string(cut));
        Reading reading;
        read(reading, raw, cut < raw.size() ? std::optional(cut) : std::nullopt);
        check(one, reading);
        if (testing::Test::HasFailure()) return;
    }
}

TEST(FastCgiConformance, every_case_has_the_outcome_that_its_file_says_wherever_it_is_cut) {
    const auto all = cases_of("fastcgi");
    ASSERT_GT(all.size(), 20u);
    for (const json& one : all) {
        std::string raw = bytes_of(one.value("raw", ""));
        for (const json& record : one.value("records", json::array()))
            raw += record_of(record, one.value("padding", 0u));
        run_whole_and_cut(one, raw, [](Reading& r, const std::string& bytes, auto cut) { r.read_fastcgi(bytes, cut); });
    }
}

TEST(ScgiConformance, every_case_has_the_outcome_that_its_file_says_wherever_it_is_cut) {
    const auto all = cases_of("scgi");
    ASSERT_GT(all.size(), 15u);
    for (const json& one : all) {
        std::string raw = bytes_of(one.value("raw", ""));
        if (one.contains("block")) {
            const std::string block = bytes_of(one["block"]);
            raw = std::to_string(block.size()) + ":" + block + ",";
        }
        run_whole_and_cut(one, raw, [](Reading& r, const std::string& bytes, auto cut) { r.read_scgi(bytes, cut); });
    }
}

TEST(UwsgiConformance, every_case_has_the_outcome_that_its_file_says_wherever_it_is_cut) {
    const auto all = cases_of("uwsgi");
    ASSERT_GT(all.size(), 20u);
    for (const json& one : all) {
        const std::string raw = one.contains("pairs") ? uwsgi_packet(one["pairs"], one.value("modifier", 0)) +
                                                            bytes_of(one.value("tail", ""))
                                                      : bytes_of(one["raw"]);
        run_whole_and_cut(one, raw, [](Reading& r, const std::string& bytes, auto cut) { r.read_uwsgi(bytes, cut); });
    }
}

}  // namespace
}  // namespace vassal::protocol
