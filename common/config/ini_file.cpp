// SPDX-License-Identifier: Apache-2.0
#include "common/config/ini_file.h"

#include <optional>
#include <string>
#include <string_view>

#include "common/config/layer.h"
#include "common/config/schema.h"
#include "common/config/suggest.h"

namespace common::config {

namespace {

constexpr std::string_view blanks = " \t\r";
constexpr const char* what_it_is = "this is an ini file; a vassal's file is YAML: write 'key: value', and no [section]";

bool is_word(std::string_view text) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:";
    return !text.empty() && text.find_first_not_of(letters) == std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(blanks);
    return begin == std::string_view::npos ? std::string_view() : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

bool is_comment(std::string_view line) { return line.empty() || line.front() == '#' || line.front() == ';'; }

bool is_section(std::string_view line) {
    return line.size() > 2 && line.front() == '[' && line.back() == ']' && is_word(line.substr(1, line.size() - 2));
}

// "module" of "module = mysite.wsgi"; empty: no such line.
std::string_view option_of(std::string_view line) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return {};
    const std::string_view name = trimmed(line.substr(0, equals));
    return is_word(name) && name.find(':') == std::string_view::npos ? name : std::string_view();
}

}  // namespace

bool complain_about_ini(const SourceText& source, Diagnostics& diagnostics) {
    bool is_ini = false;
    for (int number = 1; number <= source.line_count(); ++number) {
        const std::string_view whole = source.line(number), line = trimmed(whole);
        if (is_comment(line)) continue;
        const std::string_view option = option_of(line);
        const auto column = static_cast<int>(line.data() - whole.data()) + 1;
        if (!is_ini) {
            if (!is_section(line) && option.empty()) return false;
            is_ini = true;
            diagnostics.push_back(source.error({number, column}, static_cast<int>(line.size()), what_it_is));
        }
        if (option.empty() || find_key(option) != nullptr) continue;
        if (diagnostics.size() >= max_diagnostics) break;
        diagnostics.push_back(source.error({number, column}, static_cast<int>(option.size()), unknown_key_message(option)));
    }
    return is_ini;
}

}  // namespace common::config
