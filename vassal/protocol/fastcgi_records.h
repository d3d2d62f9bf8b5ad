// SPDX-License-Identifier: Apache-2.0
// Records as fastcgi.cpp and fastcgi_stdin.cpp read and answer them.
#pragma once

#include <cstdint>
#include <string_view>

#include "vassal/protocol/fastcgi.h"

namespace vassal::protocol::fastcgi {

inline constexpr unsigned char version = 1;

enum Type : unsigned char {
    begin_request = 1,
    abort_request = 2,
    end_request = 3,
    variables = 4,
    standard_in = 5,
    standard_out = 6,
    get_values = 9,
    get_values_result = 10,
    unknown_type = 11,
};

enum ProtocolStatus : unsigned char { request_complete = 0, cant_multiplex = 1, unknown_role = 3 };

struct Header {
    unsigned char version;
    unsigned char type;
    std::uint16_t id;
    std::uint32_t content;
    std::uint32_t padding;
    [[nodiscard]] std::size_t size() const noexcept { return header_size + content + padding; }
};

// `bytes` has at least header_size of them.
[[nodiscard]] Header read_header(const char* bytes) noexcept;

// A size of a name or a value: one byte, or four with the highest bit set. False: it does not fit into what is left.
[[nodiscard]] bool read_pair_size(const char*& p, const char* end, std::size_t& size) noexcept;

void append_end(std::uint16_t id, ProtocolStatus status, TextBuffer& replies);

// A record that is no part of the request that is being received: answered, or not worth an answer.
void answer_aside(const Header& header, std::string_view content, std::uint32_t connections, TextBuffer& replies);

}  // namespace vassal::protocol::fastcgi
