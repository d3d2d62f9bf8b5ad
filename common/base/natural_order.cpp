// SPDX-License-Identifier: Apache-2.0
#include "common/base/natural_order.h"

#include <algorithm>
#include <compare>

namespace common {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Takes a run of digits off the front, and of those the leading zeroes.
std::string_view take_number(std::string_view& text) noexcept {
    const auto size = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
    std::string_view number = text.substr(0, size);
    text.remove_prefix(size);
    number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
    return number;
}

std::strong_ordering compare(std::string_view a, std::string_view b) noexcept {
    while (!a.empty() && !b.empty()) {
        if (is_digit(a.front()) && is_digit(b.front())) {
            const std::string_view left = take_number(a), right = take_number(b);
            if (const auto order = left.size() <=> right.size(); order != 0) return order;
            if (const auto order = left <=> right; order != 0) return order;
        } else {
            if (const auto order = a.front() <=> b.front(); order != 0) return order;
            a.remove_prefix(1);
            b.remove_prefix(1);
        }
    }
    return a.size() <=> b.size();
}

}  // namespace

bool natural_less(std::string_view a, std::string_view b) noexcept {
    const auto order = compare(a, b);
    return order != 0 ? order < 0 : a < b;  // "app-2" and "app-02"
}

}  // namespace common
