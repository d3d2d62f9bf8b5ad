// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/scgi.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace vassal::protocol {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string netstring(const std::string& text) { return std::to_string(text.size()) + ":" + text + ","; }

std::string block(const Pairs& pairs) {
    std::string text;
    for (const auto& [key, value] : pairs) text += key + '\0' + value + '\0';
    return text;
}

// As nginx sends it with Debian's scgi_params.
Pairs from_nginx() {
    return {{"CONTENT_LENGTH", "5"}, {"REQUEST_METHOD", "POST"},   {"REQUEST_URI", "/x%20y?a=b"},
            {"QUERY_STRING", "a=b"}, {"CONTENT_TYPE", ""},         {"DOCUMENT_URI", "/x y"},
            {"SCGI", "1"},           {"SERVER_PORT", "80"},        {"HTTP_COOKIE", "a=1"},
            {"HTTP_COOKIE", "b=2"},  {"HTTP_CONTENT_LENGTH", "5"}, {"HTTP_PROXY", "evil"}};
}

class Scgi : public testing::Test {
protected:
    Decoded decode(const std::string& bytes) { return decode_scgi(bytes_ = bytes, limits, facts, head); }
    Decoded decode(const Pairs& pairs) { return decode(netstring(block(pairs))); }
    [[nodiscard]] std::string value(std::string_view key) const {
        const app::Param* param = head.params.find(key);
        return param ? std::string(param->value) : "(absent)";
    }
    Limits limits;
    Facts facts{.server_name = "localhost", .server_port = "", .mount = "", .remote_addr = "", .remote_port = ""};
    Head head;

private:
    std::string bytes_;
};

TEST_F(Scgi, a_request_of_nginx_is_understood) {
    const Decoded decoded = decode(from_nginx());
    ASSERT_EQ(decoded.outcome, Outcome::complete);
    EXPECT_EQ(decoded.consumed, netstring(block(from_nginx())).size());
    EXPECT_EQ(head.content_length, 5u);
    EXPECT_FALSE(head.keep_alive);
    EXPECT_EQ(value("PATH_INFO"), "/x y");
    EXPECT_EQ(value("HTTP_COOKIE"), "a=1; b=2");
    EXPECT_EQ(value("HTTP_PROXY"), "(absent)");
    EXPECT_EQ(value("HTTP_CONTENT_LENGTH"), "(absent)");
}

TEST_F(Scgi, a_packet_cut_anywhere_asks_for_more) {
    const std::string whole = netstring(block(from_nginx()));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        ASSERT_EQ(decode(whole.substr(0, size)).outcome, Outcome::need_more) << size;
    }
    EXPECT_EQ(decode(whole + "hello").consumed, whole.size());
}

TEST_F(Scgi, a_block_that_ends_within_a_pair_is_refused) {
    const std::string all = block(from_nginx());
    for (std::size_t size = 0; size < all.size(); ++size) {
        EXPECT_EQ(decode(netstring(all.substr(0, size))).outcome == Outcome::complete,
                  size > all.find("SCGI") + 6 && all[size - 1] == '\0' &&
                      std::count(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size), '\0') % 2 == 0)
            << size;
    }
}

TEST_F(Scgi, what_is_no_netstring_is_refused_at_its_first_wrong_byte) {
    for (const char* text : {"G", "-1:", "+5:", " 5:", "05:", "00", "5x", ":", "0:,", "a:", "1;"})
        EXPECT_EQ(decode(text).status, 400) << text;
    std::string wrong_end = netstring(block(from_nginx()));
    wrong_end.back() = ';';
    EXPECT_EQ(decode(wrong_end).status, 400);
}

TEST_F(Scgi, sizes_over_the_limit_are_431_before_they_arrive) {
    limits.header_size = 1000;
    EXPECT_EQ(decode("1001:").status, 431);
    EXPECT_EQ(decode("1000:").outcome, Outcome::need_more);
    EXPECT_EQ(decode("99999999999999999999999999").status, 431);
}

TEST_F(Scgi, the_first_variable_is_one_content_length_and_the_version_is_1) {
    EXPECT_EQ(decode({{"REQUEST_METHOD", "GET"}, {"CONTENT_LENGTH", "0"}, {"SCGI", "1"}}).status, 400);
    EXPECT_EQ(decode({{"CONTENT_LENGTH", "0"}, {"REQUEST_METHOD", "GET"}}).status, 400);
    EXPECT_EQ(decode({{"CONTENT_LENGTH", "0"}, {"SCGI", "2"}, {"REQUEST_METHOD", "GET"}}).status, 400);
    EXPECT_EQ(
        decode({{"CONTENT_LENGTH", "5"}, {"SCGI", "1"}, {"CONTENT_LENGTH", "6"}, {"REQUEST_METHOD", "GET"}}).status,
        400);
    EXPECT_EQ(decode({{"CONTENT_LENGTH", "5"}, {"SCGI", "1"}, {"", "6"}, {"REQUEST_METHOD", "GET"}}).status, 400);
    EXPECT_EQ(
        decode({{"CONTENT_LENGTH", "5"}, {"SCGI", "1"}, {"CONTENT_LENGTH", ""}, {"REQUEST_METHOD", "GET"}}).outcome,
        Outcome::complete);
    EXPECT_EQ(head.content_length, 5u);
    for (const char* text : {"x", "-1", "+1", "1 ", "99999999999999999999"}) {
        EXPECT_EQ(decode({{"CONTENT_LENGTH", text}, {"SCGI", "1"}, {"REQUEST_METHOD", "GET"}}).status, 400) << text;
    }
    limits.body = 4;
    EXPECT_EQ(decode(from_nginx()).status, 413);
}

}  // namespace
}  // namespace vassal::protocol
