// SPDX-License-Identifier: Apache-2.0
// What a proxy says about its client before the first byte of HTTP: HAProxy's PROXY protocol, version 1 (a line) and 2
// (binary). Whether the peer may say such things is the caller's business (trusted_proxies). Pure; one decoding over
// all bytes so far, at most max_proxy_header of them.
//
// Strict: anything that begins like a header and is none is refused, as is a checksum that is wrong, an address family
// or command that the specification does not know, and a header of more than max_proxy_header bytes.
#pragma once

#include <cstddef>
#include <string_view>

#include "vassal/protocol/endpoint.h"
#include "vassal/protocol/protocol.h"

namespace vassal::protocol {

inline constexpr std::size_t max_proxy_line = 107;    // version 1, with CRLF
inline constexpr std::size_t max_proxy_header = 536;  // version 2: what the specification says fits into one segment

struct ProxyHeader {
    // False (LOCAL, UNKNOWN, UNSPEC): the connection's own peer is the client, e.g. a health check.
    bool has_client = false;
    Endpoint client;  // without an address: the client is on a unix socket
    Endpoint server;  // what the client connected to
    bool is_https = false;
};

// complete: `consumed` bytes are the header; none (0) where the connection begins with something else.
[[nodiscard]] Decoded decode_proxy_header(std::string_view buffer, ProxyHeader& header) noexcept;

}  // namespace vassal::protocol
