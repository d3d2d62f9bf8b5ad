// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/uwsgi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "vassal/protocol/http.h"
#include "vassal/protocol/trusted_proxies.h"

namespace vassal::protocol {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string sized(const std::string& text) {
    return std::string{static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)} + text;
}

std::string packet(const Pairs& pairs, int modifier = 0) {
    std::string block;
    for (const auto& [key, value] : pairs) block += sized(key) + sized(value);
    return std::string{static_cast<char>(modifier), static_cast<char>(block.size() & 0xff),
                       static_cast<char>(block.size() >> 8), '\0'} +
           block;
}

// As nginx 1.22 sends it with Debian's uwsgi_params.
Pairs from_nginx() {
    return {{"QUERY_STRING", "a=b"},
            {"REQUEST_METHOD", "GET"},
            {"CONTENT_TYPE", ""},
            {"CONTENT_LENGTH", ""},
            {"REQUEST_URI", "/x%20y?a=b"},
            {"PATH_INFO", "/x y"},
            {"DOCUMENT_ROOT", "/usr/share/nginx/html"},
            {"SERVER_PROTOCOL", "HTTP/1.1"},
            {"REQUEST_SCHEME", "http"},
            {"REMOTE_ADDR", "127.0.0.1"},
            {"REMOTE_PORT", "50000"},
            {"SERVER_PORT", "80"},
            {"SERVER_NAME", ""},
            {"HTTP_HOST", "shop.example:80"},
            {"HTTP_USER_AGENT", "curl/7"},
            {"HTTP_ACCEPT", "*/*"}};
}

class Uwsgi : public testing::Test {
protected:
    Decoded decode(const std::string& bytes) { return decode_uwsgi(bytes_ = bytes, limits, facts, head); }
    Decoded decode(const Pairs& pairs) { return decode(packet(pairs)); }
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

TEST_F(Uwsgi, a_request_of_nginx_is_understood) {
    const Decoded decoded = decode(from_nginx());
    ASSERT_EQ(decoded.outcome, Outcome::complete);
    EXPECT_EQ(decoded.consumed, packet(from_nginx()).size());
    EXPECT_EQ(head.method, "GET");
    EXPECT_EQ(head.uri, "/x%20y?a=b");
    EXPECT_EQ(head.url_scheme, "http");
    EXPECT_EQ(head.content_length, 0u);
    EXPECT_FALSE(head.keep_alive);
    EXPECT_EQ(value("PATH_INFO"), "/x y");
    EXPECT_EQ(value("SERVER_NAME"), "shop.example");
    EXPECT_EQ(value("SCRIPT_NAME"), "");
    EXPECT_EQ(value("CONTENT_LENGTH"), "");
}

TEST_F(Uwsgi, a_packet_cut_anywhere_asks_for_more) {
    const std::string whole = packet(from_nginx());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Decoded decoded = decode(whole.substr(0, size));
        ASSERT_EQ(decoded.outcome, Outcome::need_more) << size;
        if (size >= 4) {
            EXPECT_EQ(decoded.wanted, whole.size());
        }
    }
    EXPECT_EQ(decode(whole + "body").consumed, whole.size());
}

TEST_F(Uwsgi, lengths_that_leave_the_block_are_refused_wherever_it_ends) {
    const std::string whole = packet(from_nginx());
    std::vector<std::size_t> boundaries;
    std::size_t at = 0;
    for (const auto& [key, text] : from_nginx()) boundaries.push_back(at += key.size() + text.size() + 4);
    for (std::size_t size = 1; size < whole.size() - 4; ++size) {
        std::string cut = whole.substr(0, size + 4);
        cut[1] = static_cast<char>(size & 0xff);
        cut[2] = static_cast<char>(size >> 8);
        const bool is_whole_pairs = std::find(boundaries.begin(), boundaries.end(), size) != boundaries.end();
        if (!is_whole_pairs) {
            EXPECT_EQ(decode(cut).status, 400) << size;
        }
    }
}

TEST_F(Uwsgi, mandatory_variables_are_filled_in) {
    ASSERT_EQ(decode({{"REQUEST_METHOD", "GET"}}).outcome, Outcome::complete);
    for (const char* key : {"SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"}) EXPECT_EQ(value(key), "") << key;
    EXPECT_EQ(value("SERVER_NAME"), "localhost");
    EXPECT_EQ(value("SERVER_PORT"), "80");
    EXPECT_EQ(value("SERVER_PROTOCOL"), "HTTP/1.0");
    EXPECT_EQ(decode({{"PATH_INFO", "/"}}).status, 400);
    EXPECT_EQ(decode({{"REQUEST_METHOD", ""}}).status, 400);
}

TEST_F(Uwsgi, repeated_headers_are_joined_and_of_other_variables_the_last_counts) {
    ASSERT_EQ(decode({{"REQUEST_METHOD", "GET"},
                      {"HTTP_X", "1"},
                      {"HTTP_COOKIE", "a=1"},
                      {"HTTP_X", "2"},
                      {"HTTP_COOKIE", "b=2"},
                      {"HTTP_X", "3"},
                      {"PATH_INFO", "/a"},
                      {"PATH_INFO", "/b"},
                      {"MINE", "1"},
                      {"MINE", "2"}})
                  .outcome,
              Outcome::complete);
    EXPECT_EQ(value("HTTP_X"), "1, 2, 3");
    EXPECT_EQ(value("HTTP_COOKIE"), "a=1; b=2");
    EXPECT_EQ(value("PATH_INFO"), "/b");
    EXPECT_EQ(value("MINE"), "2");
}

TEST_F(Uwsgi, each_key_appears_once) {
    Pairs pairs{{"REQUEST_METHOD", "GET"}};
    for (int i = 0; i < 3000; ++i) pairs.push_back({"HTTP_" + std::to_string(i % 1000), "v"});
    ASSERT_EQ(decode(pairs).outcome, Outcome::complete);
    EXPECT_EQ(head.params.all().size(), 1000u + 7u);  // and the six that were filled in
    EXPECT_EQ(value("HTTP_999"), "v, v, v");
}

TEST_F(Uwsgi, any_number_of_variables_fits_into_64_kib) {
    Pairs pairs{{"REQUEST_METHOD", "GET"}};
    std::size_t size = 0;
    for (int i = 0; (size += std::to_string(i).size() + 4) < 65'000; ++i) pairs.push_back({std::to_string(i), ""});
    ASSERT_GT(pairs.size(), 6000u);
    ASSERT_EQ(decode(pairs).outcome, Outcome::complete);
    EXPECT_GE(head.params.all().size(), pairs.size());
}

TEST_F(Uwsgi, variables_that_must_not_reach_the_app_do_not) {
    ASSERT_EQ(decode({{"REQUEST_METHOD", "POST"},
                      {"HTTP_CONTENT_TYPE", "x"},
                      {"HTTP_CONTENT_LENGTH", "9"},
                      {"HTTP_PROXY", "evil"},
                      {"UWSGI_FILE", "/etc/evil.py"},
                      {"UWSGI_SCHEME", "https"},
                      {"UWSGI_SETENV", "A=B"},
                      {"wsgi.input", "x"},
                      {"CONTENT_LENGTH", "5"},
                      {"HTTP_TRANSFER_ENCODING", "chunked"}})
                  .outcome,
              Outcome::complete);
    for (const char* key : {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_PROXY", "UWSGI_FILE", "UWSGI_SCHEME",
                            "UWSGI_SETENV", "wsgi.input", "HTTP_TRANSFER_ENCODING"}) {
        EXPECT_EQ(value(key), "(absent)") << key;
    }
    EXPECT_EQ(head.content_length, 5u);
    EXPECT_EQ(head.url_scheme, "https");
    EXPECT_EQ(value("CONTENT_LENGTH"), "5");
}

TEST_F(Uwsgi, transfer_encoding_stays_where_no_length_explains_it) {
    ASSERT_EQ(
        decode({{"REQUEST_METHOD", "POST"}, {"CONTENT_LENGTH", ""}, {"HTTP_TRANSFER_ENCODING", "chunked"}}).outcome,
        Outcome::complete);
    EXPECT_EQ(value("HTTP_TRANSFER_ENCODING"), "chunked");
}

TEST_F(Uwsgi, a_wrong_content_length_is_refused) {
    for (const char* text : {"x", "-1", "+1", "1 ", "99999999999999999999", "0x1"}) {
        EXPECT_EQ(decode({{"REQUEST_METHOD", "POST"}, {"CONTENT_LENGTH", text}}).status, 400) << text;
    }
    limits.body = 10;
    EXPECT_EQ(decode({{"REQUEST_METHOD", "POST"}, {"CONTENT_LENGTH", "11"}}).status, 413);
    EXPECT_EQ(decode({{"REQUEST_METHOD", "POST"}, {"CONTENT_LENGTH", "10"}}).outcome, Outcome::complete);
}

TEST_F(Uwsgi, the_scheme_comes_from_the_front_end_and_never_from_a_client) {
    const auto scheme = [&](const Pairs& pairs) {
        Pairs all{{"REQUEST_METHOD", "GET"}};
        all.insert(all.end(), pairs.begin(), pairs.end());
        EXPECT_EQ(decode(all).outcome, Outcome::complete);
        return std::string(head.url_scheme);
    };
    EXPECT_EQ(scheme({{"HTTPS", "on"}}), "https");
    EXPECT_EQ(scheme({{"HTTPS", "off"}}), "http");
    EXPECT_EQ(scheme({{"REQUEST_SCHEME", "https"}}), "https");
    EXPECT_EQ(scheme({{"UWSGI_SCHEME", "https"}, {"REQUEST_SCHEME", "http"}}), "https");
    EXPECT_EQ(scheme({{"HTTP_X_FORWARDED_PROTO", "https"}, {"REMOTE_ADDR", "10.0.0.1"}}), "http");
    const std::vector<std::string> blocks{"10.0.0.0/8"};
    const TrustedProxies trusted = TrustedProxies::parse(blocks).value();
    facts.trusted = &trusted;
    EXPECT_EQ(scheme({{"HTTP_X_FORWARDED_PROTO", "https"}, {"REMOTE_ADDR", "11.0.0.1"}}), "http");
    EXPECT_EQ(scheme({{"HTTP_X_FORWARDED_PROTO", "https"},
                      {"REMOTE_ADDR", "10.0.0.1"},
                      {"HTTP_X_FORWARDED_FOR", "1.2.3.4, 192.0.2.9, 10.1.1.1"}}),
              "https");
    EXPECT_EQ(value("REMOTE_ADDR"), "192.0.2.9");
}

TEST_F(Uwsgi, the_front_ends_request_id_is_taken_over_where_it_is_harmless) {
    const auto id = [&](const std::string& given) {
        EXPECT_EQ(decode({{"REQUEST_METHOD", "GET"}, {"HTTP_X_REQUEST_ID", given}}).outcome, Outcome::complete);
        EXPECT_EQ(value("HTTP_X_REQUEST_ID"), given);
        return std::string(head.request_id);
    };
    EXPECT_EQ(id("0af7651916cd43dd8448eb211c80319c"), "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(id("a.B_9-z"), "a.B_9-z");
    EXPECT_EQ(id(std::string(64, 'x')), std::string(64, 'x'));
    for (const std::string& bad : {std::string(65, 'x'), std::string(), std::string("a b"), std::string("a\nb"),
                                   std::string("\xe4"), std::string("a,b"), std::string("<b>")}) {
        EXPECT_EQ(id(bad), "") << bad;
    }
    EXPECT_EQ(decode({{"REQUEST_METHOD", "GET"}, {"HTTP_X_REQUEST_ID", "a"}, {"HTTP_X_REQUEST_ID", "b"}}).outcome,
              Outcome::complete);
    EXPECT_EQ(head.request_id, "") << "two of them name nothing";
    EXPECT_EQ(id("again"), "again");
    EXPECT_EQ(decode({{"REQUEST_METHOD", "GET"}}).outcome, Outcome::complete);
    EXPECT_EQ(head.request_id, "") << "the id of the request before";
}

TEST(Http, a_request_id_is_believed_from_trusted_proxies_only) {
    const std::string request = "GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: from-the-proxy\r\n\r\n";
    const std::vector<std::string> blocks{"10.0.0.0/8"};
    const TrustedProxies trusted = TrustedProxies::parse(blocks).value();
    const auto id_from = [&](std::string_view peer) {
        Head head;
        HttpScan scan;
        const Facts facts{.server_name = "a",
                          .server_port = "80",
                          .mount = "",
                          .remote_addr = peer,
                          .remote_port = "1",
                          .trusted = &trusted};
        EXPECT_EQ(decode_http(request, scan, {}, facts, head).outcome, Outcome::complete);
        return std::string(head.request_id);
    };
    EXPECT_EQ(id_from("10.1.2.3"), "from-the-proxy");
    EXPECT_EQ(id_from("11.1.2.3"), "");
    EXPECT_EQ(id_from(""), "") << "a unix socket";
}

TEST_F(Uwsgi, a_mount_moves_its_prefix_into_script_name) {
    facts.mount = "/shop";
    const auto split = [&](const std::string& path) {
        EXPECT_EQ(decode({{"REQUEST_METHOD", "GET"}, {"PATH_INFO", path}}).outcome, Outcome::complete);
        return value("SCRIPT_NAME") + "|" + value("PATH_INFO");
    };
    EXPECT_EQ(split("/shop/cart"), "/shop|/cart");
    EXPECT_EQ(split("/shop"), "/shop|");
    EXPECT_EQ(split("/shopping"), "/shop|/shopping");
    EXPECT_EQ(split("/cart"), "/shop|/cart");
}

TEST_F(Uwsgi, a_ping_is_recognised_and_other_modifiers_are_refused) {
    EXPECT_EQ(decode(std::string("\x64\0\0\0", 4)).outcome, Outcome::ping);
    EXPECT_EQ(ping_reply, std::string_view("\x64\0\0\1", 4));
    for (const int modifier : {1, 5, 22, 30, 97, 173, 224, 255}) {
        EXPECT_EQ(decode(packet(from_nginx(), modifier)).status, 400) << modifier;
    }
    EXPECT_EQ(decode(std::string("G")).status, 400);  // HTTP on a uwsgi socket is told at its first byte
}

TEST_F(Uwsgi, an_empty_key_is_refused_and_an_empty_value_is_not) {
    EXPECT_EQ(decode({{"REQUEST_METHOD", "GET"}, {"", "x"}}).status, 400);
    EXPECT_EQ(decode({{"REQUEST_METHOD", "GET"}, {"X", ""}}).outcome, Outcome::complete);
    EXPECT_EQ(value("X"), "");
}

TEST_F(Uwsgi, a_head_over_the_limit_is_431_before_it_arrives) {
    limits.header_size = 1000;
    EXPECT_EQ(decode(std::string("\0\xe9\x03\0", 4)).status, 431);
    EXPECT_EQ(decode(std::string("\0\xe8\x03\0", 4)).outcome, Outcome::need_more);
}

TEST(TrustedProxies, addresses_blocks_and_families_match_as_written) {
    const std::vector<std::string> entries{"127.0.0.1", "::1", "10.1.0.0/20", "fd00::/8", "unix"};
    const TrustedProxies trusted = TrustedProxies::parse(entries).value();
    for (const char* yes : {"127.0.0.1", "::1", "10.1.15.255", "fd12::9", "::ffff:127.0.0.1", ""}) {
        EXPECT_TRUE(trusted.contains(yes)) << yes;
    }
    for (const char* no : {"127.0.0.2", "::2", "10.1.16.0", "fe80::1", "nonsense"})
        EXPECT_FALSE(trusted.contains(no)) << no;
    for (const char* bad : {"10.0.0.0/33", "::1/129", "localhost", "10.0.0.0/", "10.0.0/8", ""}) {
        EXPECT_TRUE(TrustedProxies::parse(std::vector<std::string>{bad}).has_error()) << bad;
    }
}

}  // namespace
}  // namespace vassal::protocol
