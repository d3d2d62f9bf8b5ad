// SPDX-License-Identifier: Apache-2.0
// One finding about a configuration file, at a place. The texts are an interface: people grep them, tests assert them.
#pragma once

#include <string>
#include <vector>

namespace common::config {

struct Position {
    int line = 0;    // 1-based; 0: the file as a whole
    int column = 0;  // 1-based, in bytes; 0: the whole line

    friend bool operator==(const Position&, const Position&) = default;
};

struct Diagnostic {
    enum class Severity { error, warning };

    Severity severity = Severity::error;
    std::string file;
    Position position;
    int width = 1;          // how many columns the caret line underlines
    std::string message;    // lower-case, no final punctuation; ends in the way out, "(did you mean 'workers'?)"
    std::string source;     // the text of the line, for the caret line; empty: none is shown

    friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

using Diagnostics = std::vector<Diagnostic>;

[[nodiscard]] bool has_errors(const Diagnostics& diagnostics) noexcept;

// "FILE:LINE:COL: error: MESSAGE", then the source line and the caret line:
//     /etc/apps.d/old.yaml:4:3: error: unknown key 'proceses' (did you mean 'workers'?)
//         4 |   proceses: 4
//           |   ^~~~~~~~
// No newline at the end.
[[nodiscard]] std::string render(const Diagnostic& diagnostic);
[[nodiscard]] std::string render(const Diagnostics& diagnostics);
// Only the first line of render(), for one-line notes (status tables, logs).
[[nodiscard]] std::string headline(const Diagnostic& diagnostic);

}  // namespace common::config
