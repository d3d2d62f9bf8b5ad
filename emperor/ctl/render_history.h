// SPDX-License-Identifier: Apache-2.0
// The answers of `events` and `why` as text for people. Pure: JSON in, text out, made harmless.
#pragma once

#include <cstdint>
#include <string>

#include "emperor/ctl/fields.h"
#include "emperor/ctl/table.h"

namespace emperor::ctl {

// "2026-11-22 13:40:00.123 shop 3 crashed: exit code 1"; its detail on the lines below it.
[[nodiscard]] std::string render_event(const Json& event, const Style& style);

// The state in one line; then the causes, oldest first, the newest failure with the app's last lines; then what comes
// next.
[[nodiscard]] std::string render_why(const Json& why, const Style& style, std::int64_t now_us);

}  // namespace emperor::ctl
