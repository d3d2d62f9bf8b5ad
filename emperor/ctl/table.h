// SPDX-License-Identifier: Apache-2.0
// A table of text: columns as wide as their widest cell, by display width. The last column is the one with sentences:
// where the terminal has no room for the longest, each gets a line of its own below its row, and is cut only there. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace emperor::ctl {

enum class Color { none, green, yellow, red, dim, bold, cyan, magenta, blue };

// `text` in that colour where `is_colored`, else as it is.
[[nodiscard]] std::string paint(const std::string& text, Color color, bool is_colored);

struct Cell {
    std::string text;
    Color color = Color::none;
};

struct Style {
    bool is_colored = false;
    std::size_t width = 0;  // of the terminal; 0: not a terminal, nothing is cut
    bool keeps_rows = false;  // a row is a line: what does not fit is cut, also of the columns before the last
};

class Table {
public:
    explicit Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}

    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    // Lines with their newline; no trailing blanks.
    [[nodiscard]] std::string text(const Style& style) const;

private:
    std::vector<std::string> headers_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace emperor::ctl
