// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/table.h"

#include <algorithm>

#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t indent = 4;  // of a last cell on a line of its own

std::string line_of(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths, const Style& style) {
    std::string line;
    std::size_t used = 0;
    std::size_t blanks = 0;
    for (std::size_t at = 0; at < cells.size(); ++at) {
        std::string text = cells[at].text;
        if (at + 1 == cells.size() && style.width > 0)
            text = cut(text, style.width > used + blanks ? style.width - used - blanks : 0);
        const std::size_t width = display_width(text);
        if (width > 0) {  // blanks are owed until something follows them
            line.append(blanks, ' ').append(paint(text, cells[at].color, style.is_colored));
            used += blanks + width;
            blanks = 0;
        }
        blanks += widths[at] - std::min(widths[at], width) + gap;
    }
    return line + "\n";
}

// Whether the last column stands below the rows: beside them its longest cell would lose its end, the way out.
bool is_last_below(const std::vector<std::size_t>& widths, const Style& style) {
    if (style.width == 0 || style.keeps_rows || widths.size() < 2) return false;
    std::size_t room = style.width;
    for (std::size_t at = 0; at + 1 < widths.size(); ++at) room -= std::min(room, widths[at] + gap);
    return room < widths.back();
}

std::string line_below(const Cell& cell, const Style& style) {
    if (cell.text.empty()) return "";
    const std::string text = cut(cell.text, style.width > indent ? style.width - indent : 0);
    return std::string(indent, ' ') + paint(text, cell.color, style.is_colored) + "\n";
}

}  // namespace

std::string paint(const std::string& text, Color color, bool is_colored) {
    if (!is_colored || color == Color::none || text.empty()) return text;
    static constexpr const char* codes[] = {"0", "32", "33", "31", "2", "1", "36", "35", "34"};
    return std::string("\x1b[") + codes[static_cast<std::size_t>(color)] + "m" + text + "\x1b[0m";
}

std::string Table::text(const Style& style) const {
    std::vector<std::size_t> widths;
    for (const std::string& header : headers_) widths.push_back(display_width(header));
    for (const auto& row : rows_)
        for (std::size_t at = 0; at < row.size(); ++at) widths[at] = std::max(widths[at], display_width(row[at].text));
    std::vector<Cell> header;
    for (const std::string& name : headers_) header.push_back({name, Color::bold});
    const bool is_below = is_last_below(widths, style);
    if (is_below) header.pop_back();
    std::string text = line_of(header, widths, style);
    for (auto row : rows_) {
        const Cell last = row.back();
        if (is_below) row.pop_back();
        text += line_of(row, widths, style);
        if (is_below) text += line_below(last, style);
    }
    return text;
}

}  // namespace emperor::ctl
