// SPDX-License-Identifier: Apache-2.0
#include "common/config/env_file.h"

#include <algorithm>
#include <optional>

#include "common/config/rules.h"

namespace common::config {

namespace {

constexpr std::string_view blanks = " \t";

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

char unescaped(char c) noexcept {
    switch (c) {
        case 'n': return '\n';
        case 't': return '\t';
        case 'r': return '\r';
        default: return c;
    }
}

// What may follow a closing quote: blanks, then a comment.
bool is_nothing(std::string_view rest) {
    rest = trimmed(rest);
    return rest.empty() || rest.front() == '#';
}

std::optional<std::string> value_of(std::string_view text, std::string& problem) {
    if (text.empty() || (text.front() != '"' && text.front() != '\'')) {
        for (std::size_t at = text.find('#'); at != std::string_view::npos; at = text.find('#', at + 1))
            if (at == 0 || blanks.find(text[at - 1]) != std::string_view::npos) {
                text = text.substr(0, at);
                break;
            }
        return std::string(trimmed(text));
    }
    const char quote = text.front();
    std::string value;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == quote) {
            if (is_nothing(text.substr(i + 1))) return value;
            problem = "something follows the closing quote";
            return std::nullopt;
        }
        const bool is_escape = quote == '"' && text[i] == '\\' && i + 1 < text.size();
        value += is_escape ? unescaped(text[++i]) : text[i];
    }
    problem = "the quote is not closed on the same line";
    return std::nullopt;
}

}  // namespace

Result<void> parse_env_file(const std::string& file, std::string_view text,
                            std::map<std::string, std::string>& variables) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    for (int number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const auto fail = [&](const std::string& why) {
            return failure(file + ":" + std::to_string(number) + ": " + why);
        };
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.find('\0') != std::string_view::npos) return fail("contains a NUL byte");
        line = trimmed(line);
        if (line.empty() || line.front() == '#') continue;
        if (line.starts_with("export ") || line.starts_with("export\t")) line = trimmed(line.substr(7));
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos) return fail("expected KEY=value");
        const std::string_view name = trimmed(line.substr(0, equals));
        if (auto problem = check_env_name(name)) return fail(*problem);
        std::string problem;
        auto value = value_of(trimmed(line.substr(equals + 1)), problem);
        if (!value) return fail(problem);
        variables.insert_or_assign(std::string(name), std::move(*value));
    }
    return {};
}

}  // namespace common::config
