// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/headers.h"

#include <algorithm>

namespace emperor::web {

namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// "q=0", "q=0.0", "q=0.000"
bool is_refused(std::string_view parameters) {
    const std::string_view weight = trimmed(parameters);
    if (!weight.starts_with("q=0") && !weight.starts_with("Q=0")) return false;
    return std::ranges::all_of(weight.substr(3), [](char c) { return c == '.' || c == '0'; });
}

}  // namespace

bool takes_gzip(std::string_view accept_encoding) noexcept {
    while (!accept_encoding.empty()) {
        const std::string_view item = accept_encoding.substr(0, accept_encoding.find(','));
        accept_encoding.remove_prefix(std::min(accept_encoding.size(), item.size() + 1));
        const std::size_t semicolon = item.find(';');
        if (trimmed(item.substr(0, semicolon)) != "gzip") continue;
        return semicolon == std::string_view::npos || !is_refused(item.substr(semicolon + 1));
    }
    return false;
}

}  // namespace emperor::web
