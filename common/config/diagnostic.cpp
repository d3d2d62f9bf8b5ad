// SPDX-License-Identifier: Apache-2.0
#include "common/config/diagnostic.h"

#include <algorithm>

namespace common::config {

namespace {

bool is_continuation(char byte) noexcept { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

std::string_view name_of(Diagnostic::Severity severity) noexcept {
    switch (severity) {
        case Diagnostic::Severity::error: return "error";
        case Diagnostic::Severity::warning: return "warning";
    }
    return "error";
}

// Columns count bytes, the terminal counts characters: continuation bytes take no room, a tab stays a tab.
std::string caret_line(const Diagnostic& diagnostic) {
    const std::string& source = diagnostic.source;
    const auto begin = std::min(source.size(), static_cast<std::size_t>(std::max(0, diagnostic.position.column - 1)));
    const auto end = std::min(source.size(), begin + static_cast<std::size_t>(std::max(1, diagnostic.width)));
    std::string line = "      | ";
    for (std::size_t i = 0; i < begin; ++i)
        if (!is_continuation(source[i])) line += source[i] == '\t' ? '\t' : ' ';
    line += '^';
    for (std::size_t i = begin + 1; i < end; ++i)
        if (!is_continuation(source[i])) line += '~';
    return line;
}

}  // namespace

bool has_errors(const Diagnostics& diagnostics) noexcept {
    return std::any_of(diagnostics.begin(), diagnostics.end(),
                       [](const Diagnostic& diagnostic) { return diagnostic.severity == Diagnostic::Severity::error; });
}

std::string headline(const Diagnostic& diagnostic) {
    std::string text = diagnostic.file;
    if (diagnostic.position.line > 0) text += ':' + std::to_string(diagnostic.position.line);
    if (diagnostic.position.line > 0 && diagnostic.position.column > 0)
        text += ':' + std::to_string(diagnostic.position.column);
    return text + ": " + std::string(name_of(diagnostic.severity)) + ": " + diagnostic.message;
}

std::string render(const Diagnostic& diagnostic) {
    std::string text = headline(diagnostic);
    if (diagnostic.source.empty() || diagnostic.position.line == 0) return text;
    std::string number = std::to_string(diagnostic.position.line);
    if (number.size() < 5) number.insert(0, 5 - number.size(), ' ');
    text += '\n' + number + " | " + diagnostic.source;
    if (diagnostic.position.column > 0) text += '\n' + caret_line(diagnostic);
    return text;
}

std::string render(const Diagnostics& diagnostics) {
    std::string text;
    for (const Diagnostic& diagnostic : diagnostics) {
        if (!text.empty()) text += '\n';
        text += render(diagnostic);
    }
    return text;
}

}  // namespace common::config
