// SPDX-License-Identifier: Apache-2.0
// Dates that clients send (RFC 9110 5.6.7): the form of today and the two obsolete ones. Pure, without locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vassal::files {

// Seconds since the epoch; nothing for whatever is no date.
[[nodiscard]] std::optional<std::int64_t> parse_http_date(std::string_view text) noexcept;

}  // namespace vassal::files
