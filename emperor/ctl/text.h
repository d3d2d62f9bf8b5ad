// SPDX-License-Identifier: Apache-2.0
// How text stands on a terminal: display width, cutting, control characters made harmless, spans of time and sizes in
// words. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace emperor::ctl {

// Columns that a terminal uses: combining marks 0, East Asian wide and emoji 2. Invalid bytes count 1 each.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

// At most `width` columns; what was cut is marked with "..." where there is room for it.
[[nodiscard]] std::string cut(std::string_view text, std::size_t width);

// Control characters (an app's escape sequences) as \n, \t, \x1b; tabs stay when `keeps_tabs`.
[[nodiscard]] std::string harmless(std::string_view text, bool keeps_tabs = false);

// The lines of a traceback or a rendered diagnostic, each behind `margin` and made harmless.
[[nodiscard]] std::string indented(std::string_view margin, const std::string& text);

[[nodiscard]] std::string span_text(std::chrono::microseconds span);  // "4 s", "2h11m", "3d04h"
[[nodiscard]] std::string size_text(std::int64_t bytes);              // "61 MB"
[[nodiscard]] std::string time_text(std::int64_t epoch_us);           // local time, "2026-11-22 13:40:00.123"

// "30s", "500ms", "2m", "1h", "3d" or bare seconds.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_span(std::string_view text);

}  // namespace emperor::ctl
