// SPDX-License-Identifier: Apache-2.0
#include "common/config/source_text.h"

#include <algorithm>
#include <utility>

namespace common::config {

namespace {

constexpr std::size_t shown_bytes = 240;
constexpr std::size_t quoted_bytes = 60;

// Length of the valid UTF-8 sequence at `at`, 0 where there is none (RFC 3629: no overlong forms, no surrogates).
std::size_t sequence_length(std::string_view bytes, std::size_t at) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(i < bytes.size() ? bytes[i] : 0); };
    const auto is_tail = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
    const unsigned char first = byte(at);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return is_tail(at + 1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        if (!is_tail(at + 1) || !is_tail(at + 2)) return 0;
        if (first == 0xE0 && byte(at + 1) < 0xA0) return 0;
        if (first == 0xED && byte(at + 1) > 0x9F) return 0;
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if (!is_tail(at + 1) || !is_tail(at + 2) || !is_tail(at + 3)) return 0;
        if (first == 0xF0 && byte(at + 1) < 0x90) return 0;
        if (first == 0xF4 && byte(at + 1) > 0x8F) return 0;
        return 4;
    }
    return 0;
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view bytes) noexcept {
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t length = sequence_length(bytes, i);
        if (length == 0) return i;
        i += length;
    }
    return std::string_view::npos;
}

std::string printable(std::string_view bytes, std::size_t limit) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t length = sequence_length(bytes, i);
        if (text.size() + std::max<std::size_t>(length, 1) > limit) return text + "…";
        const auto byte = static_cast<unsigned char>(bytes[i]);
        // C1 controls (U+0080..U+009F) steer terminals as well as C0 ones do.
        const bool is_c1 = length == 2 && byte == 0xC2 && static_cast<unsigned char>(bytes[i + 1]) < 0xA0;
        if (length == 0 || (byte < 0x20 && byte != '\t') || byte == 0x7F)
            text += '?';
        else if (is_c1)
            text += "??";
        else
            text.append(bytes.substr(i, length));
        i += std::max<std::size_t>(length, 1);
    }
    return text;
}

std::string in_quotes(std::string_view bytes) {
    std::string text(1, '\'');
    text += printable(bytes, quoted_bytes);
    text += '\'';
    return text;
}

SourceText::SourceText(const Source& source) : source_(source) {
    std::string_view rest = source.text;
    while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        lines_.push_back(line);
    }
}

std::string_view SourceText::line(int number) const noexcept {
    if (number < 1 || number > line_count()) return {};
    std::string_view line = lines_[static_cast<std::size_t>(number - 1)];
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::size_t SourceText::offset_of(Position position) const noexcept {
    if (position.line < 1 || position.line > line_count()) return source_.text.size();
    const auto start =
        static_cast<std::size_t>(lines_[static_cast<std::size_t>(position.line - 1)].data() - source_.text.data());
    return std::min(source_.text.size(), start + static_cast<std::size_t>(std::max(0, position.column - 1)));
}

Position SourceText::position_of(std::size_t offset) const noexcept {
    const char* const at = source_.text.data() + std::min(offset, source_.text.size());
    const auto after = std::upper_bound(lines_.begin(), lines_.end(), at,
                                        [](const char* where, std::string_view line) { return where < line.data(); });
    if (after == lines_.begin()) return {1, 1};
    const auto found = after - 1;
    return {static_cast<int>(found - lines_.begin()) + 1, static_cast<int>(at - found->data()) + 1};
}

std::string SourceText::shown_line(Position position) const {
    if (position.column > static_cast<int>(shown_bytes)) return {};
    return printable(line(position.line), shown_bytes);
}

Diagnostic SourceText::error(Position position, int width, std::string message) const {
    Diagnostic diagnostic;
    diagnostic.file = source_.file;
    diagnostic.position = position;
    diagnostic.width = std::max(1, width);
    diagnostic.message = std::move(message);
    diagnostic.source = shown_line(position);
    return diagnostic;
}

}  // namespace common::config
