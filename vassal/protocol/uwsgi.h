// SPDX-License-Identifier: Apache-2.0
// Hot path. Decoder of the uwsgi protocol: four bytes (modifier1, size of the variables, modifier2), then pairs of
// 16-bit lengths and bytes. The body follows without framing, CONTENT_LENGTH bytes of it.
#pragma once

#include <string_view>

#include "vassal/protocol/protocol.h"

namespace vassal::protocol {

// The answer to modifier 100: a packet without variables and with modifier2 = 1.
inline constexpr std::string_view ping_reply{"\x64\x00\x00\x01", 4};

// `buffer` holds everything received so far, from the first byte of the request. Call again with more after need_more.
[[nodiscard]] Decoded decode_uwsgi(std::string_view buffer, const Limits& limits, const Facts& facts, Head& head);

}  // namespace vassal::protocol
