// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/json_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace emperor::stats {

namespace {
bool is_plain(char c) noexcept { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }
}  // namespace

// Most text is plain; what is not is left to the library.
void JsonText::append_text(std::string_view text) {
    if (std::all_of(text.begin(), text.end(), is_plain)) {
        text_ += '"';
        text_ += text;
        text_ += '"';
        return;
    }
    text_ += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void JsonText::value(double number) {
    std::array<char, 400> text;  // the largest double has 309 digits before the point
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed, 3).ptr;
    word(std::string_view(text.data(), static_cast<std::size_t>(end - text.data())));
}

}  // namespace emperor::stats
