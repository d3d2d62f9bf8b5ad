// SPDX-License-Identifier: Apache-2.0
#include "common/config/host_name.h"

#include <algorithm>

#include "common/config/source_text.h"

namespace common::config {

namespace {

constexpr std::size_t max_label = 63;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter_or_digit(char c) noexcept { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c); }

bool is_label(std::string_view label) {
    return !label.empty() && label.size() <= max_label && is_letter_or_digit(label.front()) &&
           is_letter_or_digit(label.back()) &&
           std::all_of(label.begin(), label.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

}  // namespace

std::optional<std::string> check_host_name(std::string_view text) {
    const std::string shown = in_quotes(text);
    if (text.empty()) return "is empty";
    if (text.size() > max_host_name) return "is longer than " + std::to_string(max_host_name) + " bytes";
    const auto is_foreign = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
    if (std::any_of(text.begin(), text.end(), is_foreign))
        return "is not a host name: " + shown + " (write its ASCII form, such as xn--bcher-kva.example)";
    if (text.find('*') != std::string_view::npos) return "has no wildcards, got " + shown + " (list each name)";
    if (text.find(':') != std::string_view::npos) return "expected a host name without a port, got " + shown;
    if (text.ends_with('.')) return "expected a host name without a dot at its end, got " + shown;
    std::string_view last;
    for (std::string_view rest = text; !rest.empty();) {
        last = rest.substr(0, rest.find('.'));
        if (!is_label(last)) return "is not a host name: " + shown;
        rest.remove_prefix(std::min(rest.size(), last.size() + 1));
    }
    if (std::all_of(last.begin(), last.end(), is_digit)) return "expected a name, not an address, got " + shown;
    return std::nullopt;
}

std::string canonical_host_name(std::string_view text) {
    std::string name(text);
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return name;
}

}  // namespace common::config
