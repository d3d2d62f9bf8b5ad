// SPDX-License-Identifier: Apache-2.0
// When a front end took a request in, as X-Request-Start says: "t=1700000000.123" (nginx's `t=$msec`), the same without
// "t=", or whole seconds, milliseconds or microseconds since the epoch, told apart by their size (HAProxy's
// `%[date(0,ms)]`, Heroku, Apache's `%t`). Pure. Hot path, where a front end sends it.
#pragma once

#include <cstdint>
#include <string_view>

#include "vassal/protocol/protocol.h"

namespace vassal::protocol {

// Microseconds since the epoch; 0: this is no time.
[[nodiscard]] std::int64_t parse_request_start(std::string_view text) noexcept;

// Takes it over. For the peers of take_request_id().
void take_request_start(Head& head) noexcept;

}  // namespace vassal::protocol
