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

}  // namespace emperor::stats
