// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/fastcgi.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace vassal::protocol {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;
constexpr int begin_type = 1, abort_type = 2, end_type = 3, params_type = 4, stdin_type = 5, get_values_type = 9;

std::string record(int type, int id, const std::string& content = {}, int padding = 0) {
    const auto byte = [](std::size_t value) { return static_cast<char>(value & 0xff); };
    const auto number = static_cast<std::size_t>(id);
    std::string text{1, static_cast<char>(type)};
    text += {byte(number >> 8),
             byte(number),
             byte(content.size() >> 8),
             byte(content.size()),
             byte(static_cast<std::size_t>(padding)),
             0};
    return text + content + std::string(static_cast<std::size_t>(padding), '\0');
}

std::string begin(int id, bool keep = true, char role = 1) {
    return record(begin_type, id, {'\0', role, static_cast<char>(keep), 0, 0, 0, 0, 0});
}

std::string sized(std::size_t size) {
    if (size < 128) return {static_cast<char>(size)};
    return {static_cast<char>(size >> 24 | 0x80), static_cast<char>(size >> 16), static_cast<char>(size >> 8),
            static_cast<char>(size)};
}

std::string block(const Pairs& pairs) {
    std::string text;
    for (const auto& [key, value] : pairs) text += sized(key.size()) + sized(value.size()) + key + value;
    return text;
}

// The variables in records of `piece` bytes.
std::string head_of(int id, const Pairs& pairs, std::size_t piece = 60'000, int padding = 0) {
    const std::string all = block(pairs);
    std::string text = begin(id);
    for (std::size_t at = 0; at < all.size(); at += piece)
        text += record(params_type, id, all.substr(at, piece), padding);
    return text + record(params_type, id);
}

const Pairs post{{"REQUEST_METHOD", "POST"},        {"PATH_INFO", "/x"},   {"CONTENT_LENGTH", "5"}, {"HTTP_X", "1"},
                 {"HTTP_X", std::string(200, 'y')}, {"HTTP_COOKIE", "a=b"}};

class FastCgi : public testing::Test {
protected:
    Decoded decode(const std::string& bytes) {
        return decode_fastcgi(bytes_ = bytes, scan, limits, facts, head, replies);
    }
    Decoded decode_anew(const std::string& bytes) {
        scan = {};
        replies.clear();
        return decode(bytes);
    }
    [[nodiscard]] std::string value(std::string_view key) const {
        const app::Param* param = head.params.find(key);
        return param ? std::string(param->value) : "(absent)";
    }

    Limits limits;
    Facts facts{.server_name = "localhost", .server_port = "", .mount = "", .remote_addr = "", .remote_port = ""};
    Head head;
    FastCgiScan scan;
    TextBuffer replies;

private:
    std::string bytes_;
};

TEST_F(FastCgi, variables_are_understood_in_records_of_any_size) {
    for (const std::size_t piece : {1u, 2u, 7u, 100u, 60'000u}) {
        for (const int padding : {0, 1, 7}) {
            const std::string text = head_of(258, post, piece, padding);
            const Decoded decoded = decode_anew(text + record(stdin_type, 258));
            ASSERT_EQ(decoded.outcome, Outcome::complete) << piece;
            EXPECT_EQ(decoded.consumed, text.size());
            EXPECT_EQ(scan.id, 258);
            EXPECT_EQ(head.method, "POST");
            EXPECT_EQ(head.content_length, 5u);
            EXPECT_TRUE(head.keep_alive);
            EXPECT_EQ(value("HTTP_X"), "1, " + std::string(200, 'y'));
        }
    }
}

TEST_F(FastCgi, a_head_cut_anywhere_asks_for_more_and_goes_on_where_it_was) {
    for (const std::size_t piece : {50u, 60'000u}) {
        const std::string whole = head_of(1, post, piece, 3);
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const Decoded cut = decode_anew(whole.substr(0, size));
            ASSERT_EQ(cut.outcome, Outcome::need_more) << size;
            ASSERT_LE(cut.wanted, whole.size());
            ASSERT_EQ(decode(whole).outcome, Outcome::complete) << size;
            ASSERT_EQ(value("HTTP_COOKIE"), "a=b");
        }
    }
    EXPECT_EQ(replies.size(), 0u);
}

TEST_F(FastCgi, lengths_that_leave_the_block_and_empty_names_are_refused) {
    const std::string all = block(post);
    std::vector<std::size_t> ends;
    std::size_t at = 0;
    for (const auto& pair : post) ends.push_back(at += block({pair}).size());
    for (std::size_t size = 1; size < all.size(); ++size) {
        if (std::find(ends.begin(), ends.end(), size) != ends.end()) continue;
        const std::string text = begin(1) + record(params_type, 1, all.substr(0, size)) + record(params_type, 1);
        EXPECT_EQ(decode_anew(text).status, 400) << size;
    }
    const auto status_of = [&](const std::string& bytes) {
        return decode_anew(begin(1) + record(params_type, 1, bytes) + record(params_type, 1)).status;
    };
    EXPECT_EQ(status_of(std::string("\0\1x", 3)), 400);
    EXPECT_EQ(status_of("\xff\xff\xff\xff\xff\xff\xff\xffxx"), 400);
    EXPECT_EQ(status_of("\x80"), 400);
}

TEST_F(FastCgi, a_size_of_four_bytes_may_be_used_for_a_short_text) {
    const std::string text = std::string("\x80\0\0\x0e\x80\0\0\x03", 8) + "REQUEST_METHODGET";
    ASSERT_EQ(decode(begin(1) + record(params_type, 1, text) + record(params_type, 1)).outcome, Outcome::complete);
    EXPECT_EQ(head.method, "GET");
    EXPECT_TRUE(head.is_chunked);  // no CONTENT_LENGTH: the stream's end says it
}

TEST_F(FastCgi, heads_over_the_limit_are_refused_before_they_arrive) {
    limits.header_size = 1000;
    EXPECT_EQ(decode_anew(begin(1) + record(params_type, 1, std::string(1001, 'x'))).status, 431);
    EXPECT_EQ(decode_anew((begin(1) + record(params_type, 1, std::string(60'000, 'x'))).substr(0, 24)).status, 431);
    std::string tiny = begin(1);
    for (int i = 0; i < 900; ++i) tiny += record(params_type, 1, "x", 255);
    EXPECT_EQ(decode_anew(tiny).status, 431);
}

TEST_F(FastCgi, what_is_no_record_is_told_at_its_first_byte) {
    EXPECT_EQ(decode_anew("G").status, 400);
    EXPECT_EQ(decode_anew(std::string("\0", 1)).status, 400);
    EXPECT_EQ(decode_anew(begin(0)).status, 400);
    EXPECT_EQ(decode_anew(record(begin_type, 1, "short")).status, 400);
    EXPECT_EQ(decode_anew(begin(1) + begin(1)).status, 400);
    EXPECT_EQ(decode_anew(begin(1) + record(stdin_type, 1, "x")).status, 400);
}

TEST_F(FastCgi, other_roles_are_refused_and_the_connection_lives_if_it_may) {
    Decoded decoded = decode_anew(begin(1, true, 2));
    EXPECT_EQ(decoded.outcome, Outcome::skip);
    EXPECT_EQ(decoded.consumed, 16u);
    EXPECT_EQ(replies.view(), record(end_type, 1, std::string("\0\0\0\0\3\0\0\0", 8)));
    decoded = decode_anew(begin(1, false, 3));
    EXPECT_EQ(decoded.outcome, Outcome::farewell);
}

TEST_F(FastCgi, a_second_request_is_told_that_there_is_no_multiplexing) {
    EXPECT_EQ(decode_anew(begin(1) + begin(2) + record(params_type, 2, "zz") + record(params_type, 1, block(post)) +
                          record(params_type, 1))
                  .outcome,
              Outcome::complete);
    EXPECT_EQ(replies.view(), record(end_type, 2, std::string("\0\0\0\0\1\0\0\0", 8)));
    EXPECT_EQ(head.uri, "/x");
}

TEST_F(FastCgi, an_abort_ends_the_request) {
    const Decoded decoded = decode_anew(begin(1) + record(params_type, 1, "ab") + record(abort_type, 1));
    EXPECT_EQ(decoded.outcome, Outcome::skip);
    EXPECT_EQ(decoded.consumed, 16u + 10 + 8);
    EXPECT_EQ(replies.view(), record(end_type, 1, std::string(8, '\0')));
}

TEST_F(FastCgi, questions_of_management_are_answered) {
    limits.connections = 77;
    Decoded decoded =
        decode_anew(record(get_values_type, 0, block({{"FCGI_MPXS_CONNS", ""}, {"X", ""}, {"FCGI_MAX_CONNS", ""}})));
    EXPECT_EQ(decoded.outcome, Outcome::skip);
    EXPECT_TRUE(replies.view().substr(8).starts_with(block({{"FCGI_MAX_CONNS", "77"}, {"FCGI_MPXS_CONNS", "0"}})));
    EXPECT_EQ(replies.view()[1], 10);
    EXPECT_EQ(replies.size() % 8, 0u);
    EXPECT_EQ(decode_anew(record(99, 0)).outcome, Outcome::skip);
    EXPECT_EQ(replies.view(), record(11, 0, std::string("\x63\0\0\0\0\0\0\0", 8)));
    EXPECT_EQ(decode_anew(record(11, 0, std::string(8, '\0'))).outcome, Outcome::skip);
    EXPECT_EQ(replies.size(), 0u);  // an answer to an answer would never end
    EXPECT_EQ(decode_anew(record(stdin_type, 9, "late")).outcome, Outcome::skip);
    EXPECT_EQ(replies.size(), 0u);
}

TEST_F(FastCgi, the_path_is_found_where_nginx_s_stock_parameters_put_it) {
    const auto split = [&](const Pairs& pairs) {
        Pairs all{{"REQUEST_METHOD", "GET"}};
        all.insert(all.end(), pairs.begin(), pairs.end());
        EXPECT_EQ(decode_anew(head_of(1, all)).outcome, Outcome::complete);
        return value("SCRIPT_NAME") + "|" + value("PATH_INFO");
    };
    EXPECT_EQ(split({{"SCRIPT_NAME", "/shop/cart"}}), "|/shop/cart");
    EXPECT_EQ(split({{"DOCUMENT_URI", "/shop"}}), "|/shop");
    EXPECT_EQ(split({{"SCRIPT_NAME", "/shop"}, {"PATH_INFO", ""}}), "/shop|");
    facts.mount = "/shop";
    EXPECT_EQ(split({{"SCRIPT_NAME", "/shop/cart"}}), "/shop|/cart");
}

struct Received {
    std::string body;
    std::size_t consumed = 0;
    StdinDecoder decoder{1, 10};
    TextBuffer replies;
    void feed(std::string_view bytes) {
        while (!bytes.empty() && !decoder.has_ended()) {
            const auto step = decoder.next(bytes, replies);
            body += step.data;
            consumed += step.consumed;
            bytes.remove_prefix(step.consumed);
        }
    }
};

TEST(Stdin, any_split_gives_the_same_body) {
    const std::string raw =
        record(stdin_type, 1, "abc", 5) + record(get_values_type, 0, block({{"FCGI_MPXS_CONNS", ""}}), 3) +
        record(stdin_type, 1, "defgh") + begin(2) + record(stdin_type, 2, "other") + record(stdin_type, 1, "", 4);
    for (std::size_t cut = 0; cut <= raw.size(); ++cut) {
        Received received;
        received.feed(std::string_view(raw).substr(0, cut));
        EXPECT_EQ(received.decoder.is_done(), cut == raw.size()) << cut;
        received.feed(raw.substr(cut) + "next");
        EXPECT_TRUE(received.decoder.is_done()) << cut;
        EXPECT_EQ(received.body, "abcdefgh") << cut;
        EXPECT_EQ(received.consumed, raw.size()) << cut;
        EXPECT_EQ(received.replies.size(), 8u + 24 + 16) << cut;
    }
}

TEST(Stdin, an_abort_and_garbage_end_it) {
    Received aborted;
    aborted.feed(record(stdin_type, 1, "abc") + record(abort_type, 1));
    EXPECT_TRUE(aborted.decoder.is_aborted());
    Received garbage;
    garbage.feed(record(stdin_type, 1, "abc") + "GET / HTTP/1.1");
    EXPECT_TRUE(garbage.decoder.is_bad());
    Received again;
    again.feed(begin(1));
    EXPECT_TRUE(again.decoder.is_bad());
}

TEST(Stdin, a_body_in_one_piece_is_found_where_it_lies) {
    const std::string one = record(stdin_type, 1, "abc", 5);
    const std::string end = record(stdin_type, 1, "", 2);
    const auto found = find_whole_stdin(one + end + "next", 1);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->begin, 8u);
    EXPECT_EQ(found->size, 3u);
    EXPECT_EQ(found->end, 26u);
    EXPECT_EQ(find_whole_stdin(end, 1)->end, 10u);
    EXPECT_FALSE(find_whole_stdin(one + one + end, 1));
    EXPECT_FALSE(find_whole_stdin(one + end, 2));
    for (std::size_t size = 0; size < 26; ++size)
        EXPECT_FALSE(find_whole_stdin((one + end).substr(0, size), 1)) << size;
}

TEST(FastCgiAnswer, is_padded_and_ended) {
    TextBuffer out;
    fastcgi::append_answer(5, "Status: 200 OK\r\n\r\nhello", out);
    EXPECT_EQ(out.view(), record(6, 5, "Status: 200 OK\r\n\r\nhello", 1) + record(6, 5) +
                              record(end_type, 5, std::string(8, '\0')));
}

}  // namespace
}  // namespace vassal::protocol
