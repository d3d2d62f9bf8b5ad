// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/refusal.h"

#include <gtest/gtest.h>

#include <string>

namespace vassal::protocol {
namespace {

using common::net::Protocol;

std::string refusal(Protocol protocol, std::uint16_t fastcgi_id = 0) {
    TextBuffer reply, framed;
    return std::string(write_refusal(protocol, fastcgi_id, reply, framed));
}

TEST(Refusal, each_protocol_hears_503_in_its_words) {
    const std::string body = "\r\nRetry-After: 1\r\n\r\n503 Service Unavailable\n";
    for (const Protocol protocol : {Protocol::http, Protocol::uwsgi, Protocol::scgi}) {
        const std::string text = refusal(protocol);
        EXPECT_TRUE(text.starts_with(protocol == Protocol::scgi ? "Status: 503 " : "HTTP/1.1 503 ")) << text;
        EXPECT_TRUE(text.ends_with(body)) << text;
        EXPECT_EQ(text.find("\r\nConnection: close\r\n") != std::string::npos, protocol == Protocol::http) << text;
    }
    const std::string records = refusal(Protocol::fastcgi, 0x0105);
    EXPECT_EQ(records.substr(0, 4), std::string("\x01\x06\x01\x05"));
    EXPECT_EQ(records.find("Status: 503 "), 8u);
}

TEST(Refusal, a_fastcgi_connection_without_a_request_is_told_nothing) {
    EXPECT_EQ(refusal(Protocol::fastcgi), "");
    EXPECT_EQ(first_fastcgi_id(""), 0);
    EXPECT_EQ(first_fastcgi_id(std::string_view("\1\1\0\7", 4)), 0) << "less than a header";
    EXPECT_EQ(first_fastcgi_id(std::string_view("\1\11\0\7\0\0\0\0", 8)), 0) << "asks for values";
    EXPECT_EQ(first_fastcgi_id(std::string_view("\1\1\2\7\0\10\0\0", 8)), 0x207);
}

TEST(Refusal, names_the_seconds_and_spares_head_the_body) {
    TextBuffer reply, framed;
    EXPECT_EQ(write_refusal(Protocol::http, 0, reply, framed, 17, true),
              "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 24\r\n"
              "Server: emperor\r\nConnection: close\r\nRetry-After: 17\r\n\r\n");
}

TEST(Refusal, the_first_bytes_tell_how_to_answer) {
    EXPECT_FALSE(look_at_first_bytes(Protocol::http, "GET").is_enough);
    EXPECT_TRUE(look_at_first_bytes(Protocol::http, "GET /").is_enough);
    EXPECT_FALSE(look_at_first_bytes(Protocol::http, "POST /").is_head);
    EXPECT_TRUE(look_at_first_bytes(Protocol::http, "HEAD / HTTP/1.1\r\n").is_head);
    const std::string proxied = "PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n";
    EXPECT_FALSE(look_at_first_bytes(Protocol::http, proxied).is_enough);
    EXPECT_TRUE(look_at_first_bytes(Protocol::http, proxied + "HEAD /").is_head);
    EXPECT_TRUE(look_at_first_bytes(Protocol::http, "PROXY nonsense\r\n").is_enough) << "answered, not believed";
    EXPECT_FALSE(look_at_first_bytes(Protocol::fastcgi, std::string("\1\1\1\5", 4)).is_enough);
    EXPECT_EQ(look_at_first_bytes(Protocol::fastcgi, std::string("\1\1\1\5\0\10\0\0", 8)).fastcgi_id, 0x0105);
    for (const Protocol protocol : {Protocol::uwsgi, Protocol::scgi}) {
        EXPECT_FALSE(look_at_first_bytes(protocol, "").is_enough);
        EXPECT_TRUE(look_at_first_bytes(protocol, "7").is_enough);
    }
}

}  // namespace
}  // namespace vassal::protocol
