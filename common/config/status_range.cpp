// SPDX-License-Identifier: Apache-2.0
#include "common/config/status_range.h"

#include <charconv>

namespace common::config {

namespace {

std::optional<int> status(std::string_view text) noexcept {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.size() != 3 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value >= 100 && value <= 599 ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<StatusRange> parse_status_range(std::string_view text) noexcept {
    const std::size_t dash = text.find('-');
    const auto from = status(text.substr(0, dash));
    const auto to = dash == std::string_view::npos ? from : status(text.substr(dash + 1));
    if (!from || !to || *from > *to) return std::nullopt;
    return StatusRange{*from, *to};
}

}  // namespace common::config
