// SPDX-License-Identifier: Apache-2.0
// Bytes of a client as a part of one line: controls, quotes, backslashes and what is no UTF-8 cannot act or pretend.
// Pure; writes into room that the caller has.
#pragma once

#include <cstddef>
#include <string_view>

namespace common::access {

enum class Escaping : unsigned char {
    text,  // \xHH, as nginx and Apache write it
    word,  // the same, blanks too: the value stands between blanks
    json,  // the inside of a JSON string; what is no UTF-8 becomes U+FFFD
};

// Writes at most `room` bytes and returns the end. What does not fit is left out, and *is_cut set.
[[nodiscard]] char* write_escaped(char* to, std::size_t room, std::string_view text, Escaping how,
                                  bool& is_cut) noexcept;

}  // namespace common::access
