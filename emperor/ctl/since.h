// SPDX-License-Identifier: Apache-2.0
// A point in time as people write it on a command line. Pure, but for the time zone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace emperor::ctl {

// "10m": so long before `now_us`; "13:40", "13:40:05": of today; "2026-11-22", "2026-11-22 13:40", "2026-11-22T13:40:05.123":
// local time, with Z at the end UTC, with +01:00 that zone; "@1795354805": seconds of the epoch. Epoch microseconds, not
// before 1970.
[[nodiscard]] std::optional<std::int64_t> parse_since(const std::string& text, std::int64_t now_us);

}  // namespace emperor::ctl
