// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/proxy_protocol.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vassal::protocol {
namespace {

using namespace std::string_literals;

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;

// Version 2. `kind`: family and transport.
std::string binary(int command, int kind, const std::string& content) {
    return signature + static_cast<char>(0x20 | command) + static_cast<char>(kind) +
           static_cast<char>(content.size() >> 8) + static_cast<char>(content.size()) + content;
}

std::string tlv(int type, const std::string& value) {
    return std::string{static_cast<char>(type), static_cast<char>(value.size() >> 8), static_cast<char>(value.size())} +
           value;
}

const std::string ip4 = "\xC0\x00\x02\x01\xC6\x33\x64\x02\x12\x67\x01\xBB"s;  // 192.0.2.1:4711 → 198.51.100.2:443
const std::string ip6 =
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01"
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x02\x12\x67\x01\xBB"s;
const std::string encrypted = tlv(0x20, "\x01\0\0\0\0"s);

struct Case {
    std::string name;
    std::string bytes;
    std::string client, client_port, server, server_port;  // no client: the peer stays
    bool is_https = false;
};

std::vector<Case> accepted() {
    const std::string c = "192.0.2.1", s = "198.51.100.2", c6 = "2001:db8::1", s6 = "2001:db8::2";
    return {
        {"TCP4", "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n", c, "4711", s, "443"},
        {"TCP6", "PROXY TCP6 2001:DB8:0::1 2001:db8::2 0 65535\r\n", c6, "0", s6, "65535"},
        {"TCP6 that holds an IPv4 address", "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", c, "1", "::1", "2"},
        {"UNKNOWN", "PROXY UNKNOWN\r\n", "", "", "", ""},
        {"UNKNOWN with something", "PROXY UNKNOWN ffff::1 1.2.3.4 65536 whatever\r\n", "", "", "", ""},
        {"the longest line", "PROXY UNKNOWN " + std::string(107 - 16, 'a') + "\r\n", "", "", "", ""},
        {"v2 IPv4", binary(1, 0x11, ip4), c, "4711", s, "443"},
        {"v2 IPv4, datagrams", binary(1, 0x12, ip4), c, "4711", s, "443"},
        {"v2 IPv6", binary(1, 0x21, ip6), c6, "4711", s6, "443"},
        {"v2 LOCAL", binary(0, 0x00, ""), "", "", "", ""},
        {"v2 LOCAL with addresses", binary(0, 0x11, ip4), "", "", "", ""},
        {"v2 UNSPEC", binary(1, 0x00, "abc"), "", "", "", ""},
        {"v2 with TLVs of no meaning", binary(1, 0x11, ip4 + tlv(0x02, "a.example") + tlv(0x04, "")), c, "4711", s,
         "443"},
        {"v2 SSL", binary(1, 0x11, ip4 + encrypted), c, "4711", s, "443", true},
        {"v2 without SSL at the client", binary(1, 0x11, ip4 + tlv(0x20, "\x02\0\0\0\0"s)), c, "4711", s, "443"},
        // Computed bit by bit by another program, which gives E3069283 for "123456789".
        {"v2 checksum", binary(1, 0x11, ip4 + tlv(0x03, "\x1E\xAF\x4B\xAA")), c, "4711", s, "443"},
        {"v2 of the largest size", binary(1, 0x11, ip4 + tlv(0x04, std::string(536 - 16 - 12 - 3, '\0'))), c, "4711", s,
         "443"},
    };
}

std::vector<std::pair<std::string, std::string>> refused() {
    return {
        {"another protocol", "PROXY UDP4 192.0.2.1 198.51.100.2 4711 443\r\n"},
        {"small letters", "PROXY tcp4 192.0.2.1 198.51.100.2 4711 443\r\n"},
        {"two spaces", "PROXY TCP4  192.0.2.1 198.51.100.2 4711 443\r\n"},
        {"a space at the end", "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443 \r\n"},
        {"a tab", "PROXY TCP4\t192.0.2.1 198.51.100.2 4711 443\r\n"},
        {"nothing behind PROXY", "PROXY \r\n"},
        {"a port is missing", "PROXY TCP4 192.0.2.1 198.51.100.2 4711\r\n"},
        {"a fifth word", "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443 1\r\n"},
        {"a port that is too large", "PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n"},
        {"a port with a sign", "PROXY TCP4 192.0.2.1 198.51.100.2 +1 443\r\n"},
        {"a port with a zero in front", "PROXY TCP4 192.0.2.1 198.51.100.2 01 443\r\n"},
        {"an address of another family", "PROXY TCP4 ::1 ::1 1 2\r\n"},
        {"an address with a zero in front", "PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n"},
        {"a NUL in an address", "PROXY TCP4 192.0.2.1\0 198.51.100.2 1 2\r\n"s},
        {"a bare LF", "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\n"},
        {"a bare CR", "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\r\n"},
        {"a line that is too long", "PROXY UNKNOWN " + std::string(108 - 16, 'a') + "\r\n"},
        {"a request with this method", "PROXY / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"v1 within v2", signature + "\x11\x11\0\0"s},
        {"v3", signature + "\x31\x11\0\0"s},
        {"an unknown command", binary(2, 0x11, ip4)},
        {"an unknown family", binary(1, 0x41, ip4)},
        {"an unknown transport", binary(1, 0x13, ip4)},
        {"too short for its addresses", binary(1, 0x11, ip4.substr(1))},
        {"too short for IPv6", binary(1, 0x21, ip4)},
        {"too short for unix", binary(1, 0x31, std::string(215, '\0'))},
        {"too large", binary(1, 0x11, ip4 + tlv(0x04, std::string(536 - 16 - 12 - 2, '\0')))},
        {"a TLV without its size", binary(1, 0x11, ip4 + "\x04\0"s)},
        {"a TLV beyond the end", binary(1, 0x11, ip4 + "\x04\0\x02\0"s)},
        {"a wrong checksum", binary(1, 0x11, ip4 + tlv(0x03, "\0\0\0\0"s))},
        {"a short checksum", binary(1, 0x11, ip4 + tlv(0x03, "\0\0\0"s))},
        {"a short SSL", binary(1, 0x11, ip4 + tlv(0x20, "\x01\0\0\0"s))},
    };
}

void expect_accepted(const Case& one, std::string_view bytes) {
    ProxyHeader header;
    const Decoded decoded = decode_proxy_header(bytes, header);
    ASSERT_EQ(decoded.outcome, Outcome::complete);
    EXPECT_EQ(decoded.consumed, one.bytes.size());
    EXPECT_EQ(header.has_client, !one.client.empty());
    EXPECT_EQ(header.client.address(), one.client);
    EXPECT_EQ(header.client.port(), one.client_port);
    EXPECT_EQ(header.server.address(), one.server);
    EXPECT_EQ(header.server.port(), one.server_port);
    EXPECT_EQ(header.is_https, one.is_https);
}

TEST(ProxyProtocol, headers_are_accepted_whole_with_a_request_behind_and_wait_for_every_missing_byte) {
    for (const Case& one : accepted()) {
        SCOPED_TRACE(one.name);
        expect_accepted(one, one.bytes);
        expect_accepted(one, one.bytes + "GET / HTTP/1.1\r\n");
        for (std::size_t size = 0; size < one.bytes.size(); ++size) {
            ProxyHeader header;
            const std::string part = one.bytes.substr(0, size);  // a copy: nothing behind the cut may be looked at
            const Decoded decoded = decode_proxy_header(part, header);
            EXPECT_EQ(decoded.outcome, Outcome::need_more) << size;
            EXPECT_TRUE(decoded.wanted == 0 || decoded.wanted > size) << size;
        }
    }
}

TEST(ProxyProtocol, what_is_no_header_is_refused_and_never_accepted_earlier) {
    for (const auto& [name, bytes] : refused()) {
        SCOPED_TRACE(name);
        ProxyHeader header;
        EXPECT_EQ(decode_proxy_header(bytes, header).status, 400);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            EXPECT_NE(decode_proxy_header(bytes.substr(0, size), header).outcome, Outcome::complete) << size;
        }
    }
}

TEST(ProxyProtocol, what_does_not_begin_like_a_header_is_left_to_http) {
    for (const std::string& bytes : {"GET / HTTP/1.1\r\n"s, "POST / HTTP/1.1"s, "PROXX"s, "\r\nGET / HTTP/1.1\r\n"s,
                                     "\r\n\r\n\0\r\nQUIT\r"s, "proxy TCP4"s}) {
        ProxyHeader header;
        const Decoded decoded = decode_proxy_header(bytes, header);
        EXPECT_EQ(decoded.outcome, Outcome::complete) << bytes;
        EXPECT_EQ(decoded.consumed, 0u) << bytes;
    }
}

TEST(ProxyProtocol, a_checksum_covers_every_byte) {
    std::string bytes;
    for (const Case& one : accepted())
        if (one.name == "v2 checksum") bytes = one.bytes;
    constexpr std::size_t type = 28;  // of the checksum: another one is another TLV
    for (std::size_t at = 16; at < bytes.size(); ++at) {
        if (at == type) continue;
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        ProxyHeader header;
        EXPECT_EQ(decode_proxy_header(changed, header).outcome, Outcome::bad) << at;
    }
}

TEST(ProxyProtocol, a_client_on_a_unix_socket_has_no_address) {
    ProxyHeader header;
    ASSERT_EQ(decode_proxy_header(binary(1, 0x31, std::string(216, 'a') + encrypted), header).outcome,
              Outcome::complete);
    EXPECT_TRUE(header.has_client);
    EXPECT_TRUE(header.is_https);
    EXPECT_EQ(header.client.address(), "");
    EXPECT_EQ(header.server.address(), "");
}

}  // namespace
}  // namespace vassal::protocol
