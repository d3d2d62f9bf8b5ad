// SPDX-License-Identifier: Apache-2.0
#include "common/log/line_level.h"

#include <array>
#include <utility>

namespace common::log {

namespace {

constexpr std::size_t looked_at = 80;

constexpr std::array<std::pair<std::string_view, Level>, 9> words = {{{"DEBUG", Level::debug},
                                                                      {"INFO", Level::info},
                                                                      {"NOTICE", Level::info},
                                                                      {"WARN", Level::warn},
                                                                      {"WARNING", Level::warn},
                                                                      {"ERROR", Level::error},
                                                                      {"CRITICAL", Level::error},
                                                                      {"FATAL", Level::error},
                                                                      {"EXCEPTION", Level::error}}};

constexpr bool is_capital(char c) noexcept { return c >= 'A' && c <= 'Z'; }
// Of an identifier: ERROR_LOG, Xerror and ERROR5 are other words.
constexpr bool is_of_word(char c) noexcept {
    return is_capital(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

Level level_of_line(std::string_view text) noexcept {
    if (text.starts_with("Traceback (most recent call last)")) return Level::error;
    text = text.substr(0, looked_at);
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at;
        while (end < text.size() && is_of_word(text[end])) ++end;
        const std::string_view word = text.substr(at, end - at);
        for (const auto& [name, level] : words)
            if (word == name) return level;
        at = end + 1;
    }
    return Level::info;
}

}  // namespace common::log
