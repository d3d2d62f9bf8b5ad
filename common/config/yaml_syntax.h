// SPDX-License-Identifier: Apache-2.0
// What yaml-cpp does not tell: where a scalar ends, whether its quote was closed, and what an operator should do about
// a syntax error. Works on the text alone. Internal to this room.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/config/source_text.h"

namespace common::config {

struct ScalarExtent {
    Position position;             // of the scalar itself, behind an anchor or a tag
    int width = 1;                 // on its first line
    bool is_unterminated = false;  // yaml-cpp 0.7 takes the end of the file for the closing quote
};
[[nodiscard]] ScalarExtent scalar_extent(const SourceText& source, Position start, std::string_view value);

// Too long, not UTF-8 or with control bytes: refused before the parser sees it.
[[nodiscard]] std::optional<Diagnostic> find_bad_bytes(const SourceText& source);

// One finding for a parser's message, or one per line that is indented with a tab where that is the likely cause.
// `open` is where the innermost unfinished list or map begins.
void append_syntax_errors(const SourceText& source, Position position, std::optional<Position> open,
                          std::string_view parser_message, Diagnostics& diagnostics);

}  // namespace common::config
