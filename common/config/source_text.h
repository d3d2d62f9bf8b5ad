// SPDX-License-Identifier: Apache-2.0
// A configuration text cut into lines, and the one place that turns "here, in this text" into a Diagnostic. Shows
// nothing raw: control bytes and bytes that are not UTF-8 are replaced, so that a message can go to a terminal, a log
// or a JSON document.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/decode.h"

namespace common::config {

// Makes any bytes printable UTF-8 (others become '?'), at most `limit` bytes, "…" at the end where cut.
[[nodiscard]] std::string printable(std::string_view bytes, std::size_t limit = 240);
// The same in single quotes, short enough for a message.
[[nodiscard]] std::string in_quotes(std::string_view bytes);

// The offset of the first byte that is not part of valid UTF-8; npos when all of it is.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view bytes) noexcept;

class SourceText {
public:
    // Borrows `source`, which must outlive this object.
    explicit SourceText(const Source& source);

    [[nodiscard]] const std::string& file() const noexcept { return source_.file; }
    [[nodiscard]] std::string_view line(int number) const noexcept;  // 1-based; "" outside
    [[nodiscard]] int line_count() const noexcept { return static_cast<int>(lines_.size()); }
    [[nodiscard]] std::string_view text() const noexcept { return source_.text; }
    [[nodiscard]] std::size_t offset_of(Position position) const noexcept;
    [[nodiscard]] Position position_of(std::size_t offset) const noexcept;

    [[nodiscard]] Diagnostic error(Position position, int width, std::string message) const;
    // A line's text as a diagnostic shows it; empty where the column lies beyond what is shown.
    [[nodiscard]] std::string shown_line(Position position) const;

private:
    const Source& source_;
    std::vector<std::string_view> lines_;
};

}  // namespace common::config
