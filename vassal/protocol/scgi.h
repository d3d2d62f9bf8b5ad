// SPDX-License-Identifier: Apache-2.0
// Hot path. Decoder of SCGI: a netstring ("LENGTH:", pairs of NUL-terminated names and values, ","), CONTENT_LENGTH
// first among them, then the body without framing. One request per connection.
#pragma once

#include <string_view>

#include "vassal/protocol/protocol.h"

namespace vassal::protocol {

// `buffer` holds everything received so far, from the first byte of the request. Call again with more after need_more.
[[nodiscard]] Decoded decode_scgi(std::string_view buffer, const Limits& limits, const Facts& facts, Head& head);

}  // namespace vassal::protocol
