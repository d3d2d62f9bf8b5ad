// SPDX-License-Identifier: Apache-2.0
// The rules of RFC 9112 for one request head that the grammar alone does not hold: collected field by field, judged
// once at the end. Pure values; used by http.cpp only.
#pragma once

#include <cstdint>
#include <string_view>

#include "vassal/protocol/protocol.h"

namespace vassal::protocol {

// The fields that frame a message, or route it. Views into the head.
struct Framing {
    std::string_view host, content_length, transfer_encoding, expect;
    int hosts = 0, content_lengths = 0, transfer_encodings = 0, expects = 0;
    bool says_close = false, says_keep_alive = false;

    // True: the field is one of these. Names are compared without case.
    void note(std::string_view name, std::string_view value) noexcept;
};

// Sets content_length, is_chunked, keep_alive, expects_continue of `head`; 0 or a status.
[[nodiscard]] int judge(const Framing& framing, bool is_http11, const Limits& limits, Head& head) noexcept;

[[nodiscard]] bool equals_without_case(std::string_view a, std::string_view lower) noexcept;
// An authority as RFC 3986 writes it, reduced to what a Host may hold: name, IPv4, [IPv6]; an optional port.
[[nodiscard]] bool is_valid_host(std::string_view host) noexcept;

}  // namespace vassal::protocol
