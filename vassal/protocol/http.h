// SPDX-License-Identifier: Apache-2.0
// Hot path. Decoder of HTTP/1.0 and HTTP/1.1 request heads. Three layers, each refusing what it sees:
//   1. scan_http: finds the end of the head line by line as bytes arrive; bare CR and LF, NUL, folded lines, size
//   limits.
//   2. Boost.Beast's basic_parser over the whole head: tokens, the grammar of the request line and of fields.
//   3. the policy of RFC 9112 that Beast leaves open: Host, Content-Length against Transfer-Encoding, versions,
//   targets.
// Anything that two servers could read differently is 400 and the connection ends (request smuggling).
#pragma once

#include <cstdint>
#include <string_view>

#include "vassal/protocol/protocol.h"

namespace vassal::protocol {

// Where the search for the end of the head stands; kept with the connection, reset for each request.
struct HttpScan {
    std::uint32_t begin = 0;  // of the request line, after a leading empty line
    std::uint32_t line = 0;   // begin of the line that is not complete yet
    std::uint32_t lines = 0;  // complete lines, the request line first
    bool skipped_empty_line = false;
};

inline constexpr std::size_t max_request_line = 16 * 1024;
inline constexpr std::string_view continue_reply = "HTTP/1.1 100 Continue\r\n\r\n";

// complete: `consumed` is the size of the head with its empty line.
[[nodiscard]] Decoded scan_http(std::string_view buffer, HttpScan& scan, const Limits& limits) noexcept;

// Scans, and decodes once the head is whole. `buffer` begins where the request begins.
[[nodiscard]] Decoded decode_http(std::string_view buffer, HttpScan& scan, const Limits& limits, const Facts& facts,
                                  Head& head);

}  // namespace vassal::protocol
