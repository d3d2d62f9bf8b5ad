// SPDX-License-Identifier: Apache-2.0
#include "common/config/yaml_syntax.h"

#include <algorithm>
#include <array>

#include "common/config/yaml_tree.h"

namespace common::config {

namespace {

constexpr int max_tab_errors = 10;

// The offset just behind the quoted scalar that begins at `start`; npos: never closed.
std::size_t end_of_quoted(std::string_view text, std::size_t start) {
    const char quote = text[start];
    for (std::size_t i = start + 1; i < text.size(); ++i) {
        if (quote == '"' && text[i] == '\\') {
            ++i;
        } else if (text[i] == quote) {
            if (quote == '\'' && i + 1 < text.size() && text[i + 1] == '\'')
                ++i;
            else
                return i + 1;
        }
    }
    return std::string_view::npos;
}

// Steps over "&anchor" and "!tag" in front of a node, as far as they stand on this line.
std::size_t skip_properties(std::string_view text, std::size_t offset) {
    while (offset < text.size() && (text[offset] == '&' || text[offset] == '!')) {
        const std::size_t end = text.find_first_of(" \t\r\n", offset);
        if (end == std::string_view::npos) return offset;
        const std::size_t next = text.find_first_not_of(" \t", end);
        if (next == std::string_view::npos || text[next] == '\n' || text[next] == '\r') return offset;
        offset = next;
    }
    return offset;
}

bool has_tab_indentation(std::string_view line) {
    const std::size_t end = line.find_first_not_of(" \t");
    if (end == std::string_view::npos || line[end] == '#') return false;
    return line.substr(0, end).find('\t') != std::string_view::npos;
}

std::string advice_for(std::string_view parser_message, std::string_view rest_of_line) {
    struct Advice {
        std::string_view part, text;
    };
    static constexpr std::array<Advice, 10> table = {{
        {"illegal map value",
         "a ':' is not allowed here (check the indentation; a value with ': ' in it needs quotes)"},
        {"end of map not found", "this line does not fit the indentation of the lines above"},
        {"end of map flow not found",
         "what opens here is not closed with '}' (inside of braces a value with '{', '}' or ',' needs quotes)"},
        {"end of sequence flow not found",
         "what opens here is not closed with ']' (inside of brackets a value with '{', '}' or ',' needs quotes)"},
        {"end of sequence not found", "this line does not fit the indentation of the list above"},
        {"illegal flow end", "this bracket closes nothing"},
        {"illegal block entry", "a '-' is not allowed here"},
        {"the referenced anchor is not defined", "no anchor of that name is defined above"},
        {"unknown escape character",
         "no escape of YAML begins like this (write a backslash twice, or use single quotes, where it is an ordinary "
         "character)"},
        {"illegal character when scanning", "a ':' or '-' is not allowed here"},
    }};
    for (const Advice& advice : table)
        if (parser_message.find(advice.part) != std::string_view::npos) return std::string(advice.text);
    if (parser_message.find("unknown token") != std::string_view::npos && !rest_of_line.empty())
        return "a value cannot begin with " + in_quotes(rest_of_line.substr(0, 1)) + " (put it in quotes)";
    return printable(parser_message);  // it may quote one byte of the text, half of a character
}

}  // namespace

ScalarExtent scalar_extent(const SourceText& source, Position start, std::string_view value) {
    const std::string_view text = source.text();
    const std::size_t first = source.offset_of(start);
    const std::size_t offset = skip_properties(text, first);
    ScalarExtent extent;
    extent.position = {start.line, start.column + static_cast<int>(offset - first)};
    if (offset >= text.size()) return extent;
    const std::size_t end_of_line = std::min(text.find_first_of("\r\n", offset), text.size());
    std::size_t end = end_of_line;
    if (text[offset] == '"' || text[offset] == '\'') {
        end = end_of_quoted(text, offset);
        extent.is_unterminated = end == std::string_view::npos;
        end = std::min(end, end_of_line);
    } else if (text[offset] == '|' || text[offset] == '>') {
        end = offset + 1;
    } else if (text.substr(offset).starts_with(value)) {
        end = std::min(offset + value.size(), end_of_line);
    }
    extent.width = std::max(1, static_cast<int>(end - offset));
    return extent;
}

std::optional<Diagnostic> find_bad_bytes(const SourceText& source) {
    const std::string_view text = source.text();
    if (text.size() > max_text_bytes)
        return source.error({}, 1, "the file is larger than " + std::to_string(max_text_bytes >> 20) + " MiB");
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
        return source.error({1, 1}, 1, "the file is UTF-16 (save it as UTF-8)");
    if (const std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos)
        return source.error(source.position_of(bad), 1, "the file is not UTF-8 here (save it as UTF-8)");
    const auto control = std::find_if(text.begin(), text.end(), [](char byte) {
        const auto value = static_cast<unsigned char>(byte);
        return (value < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || value == 0x7F;
    });
    if (control == text.end()) return std::nullopt;
    return source.error(source.position_of(static_cast<std::size_t>(control - text.begin())), 1,
                        "a control character stands here (is this a text file?)");
}

void append_syntax_errors(const SourceText& source, Position position, std::optional<Position> open,
                          std::string_view parser_message, Diagnostics& diagnostics) {
    // Tabs are legal elsewhere (in block scalars, say): they are the likely cause only near the place.
    const bool is_near =
        has_tab_indentation(source.line(position.line)) || has_tab_indentation(source.line(position.line - 1));
    int tabs = 0;
    for (int number = 1; is_near && number <= source.line_count() && tabs < max_tab_errors; ++number) {
        const std::string_view line = source.line(number);
        if (!has_tab_indentation(line)) continue;
        const int column = static_cast<int>(line.find('\t')) + 1;
        diagnostics.push_back(source.error({number, column}, 1, "a tab in the indentation (YAML wants spaces)"));
        ++tabs;
    }
    if (tabs > 0) return;
    const std::string_view text = source.text();
    const char opening = open && source.offset_of(*open) < text.size() ? text[source.offset_of(*open)] : ' ';
    if (parser_message.find("flow not found") != std::string_view::npos && (opening == '[' || opening == '{'))
        position = *open;
    const std::string_view rest = text.substr(std::min(text.size(), source.offset_of(position)));
    diagnostics.push_back(source.error(position, 1, advice_for(parser_message, rest)));
}

}  // namespace common::config
