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

}  // namespace
}  // namespace vassal::protocol
