// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/text.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <sstream>
#include <utility>

namespace emperor::ctl {

namespace {

struct Point {
    char32_t code = 0;
    std::size_t size = 1;  // bytes
};

// The code point at the start of `text`; an invalid byte stands for itself.
Point decode(std::string_view text) noexcept {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char lead = byte(0);
    const std::size_t size = lead < 0x80 ? 1 : lead >= 0xf0 && lead < 0xf8 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
    if (size == 1 || lead >= 0xf8 || text.size() < size) return {lead, 1};
    char32_t code = static_cast<char32_t>(lead & (0xff >> (size + 1)));
    for (std::size_t at = 1; at < size; ++at) {
        if ((byte(at) & 0xc0) != 0x80) return {lead, 1};
        code = (code << 6) | (byte(at) & 0x3f);
    }
    return {code, size};
}

bool is_in(char32_t code, std::initializer_list<std::pair<char32_t, char32_t>> ranges) noexcept {
    for (const auto& [first, last] : ranges)
        if (code >= first && code <= last) return true;
    return false;
}

std::size_t width_of(char32_t code) noexcept {
    if (is_in(code, {{0x300, 0x36f}, {0x200b, 0x200f}, {0xfe00, 0xfe0f}, {0x1ab0, 0x1aff}, {0x20d0, 0x20ff}})) return 0;
    if (is_in(code, {{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f},
                     {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd}}))
        return 2;
    return 1;
}

std::string formatted(const char* format, long long first, long long second) {
    std::array<char, 48> buffer;
    const int size = std::snprintf(buffer.data(), buffer.size(), format, first, second);
    return {buffer.data(), static_cast<std::size_t>(size)};
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
    std::size_t width = 0;
    while (!text.empty()) {
        const Point point = decode(text);
        width += width_of(point.code);
        text.remove_prefix(point.size);
    }
    return width;
}

std::string cut(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string(text);
    const std::size_t mark = width > 3 ? 3 : 0;
    std::string kept;
    for (std::size_t used = 0; !text.empty();) {
        const Point point = decode(text);
        used += width_of(point.code);
        if (used > width - mark) break;
        kept.append(text.substr(0, point.size));
        text.remove_prefix(point.size);
    }
    return kept.append(mark, '.');
}

std::string harmless(std::string_view text, bool keeps_tabs) {
    std::string safe;
    safe.reserve(text.size());
    while (!text.empty()) {
        const Point point = decode(text);
        const bool is_stray = point.size == 1 && point.code >= 0x80;
        if (point.code == '\n') safe += "\\n";
        else if (point.code == '\t') safe += keeps_tabs ? "\t" : "\\t";
        else if (point.code == '\r') safe += "\\r";
        else if (point.code < 0x20 || point.code == 0x7f || is_stray ||
                 is_in(point.code, {{0x80, 0x9f}, {0x202a, 0x202e}, {0x2066, 0x2069}}))
            safe += formatted(point.code > 0xff ? "\\u%04llx" : "\\x%02llx", static_cast<long long>(point.code), 0);
        else safe.append(text.substr(0, point.size));
        text.remove_prefix(point.size);
    }
    return safe;
}

std::string indented(std::string_view margin, const std::string& text) {
    std::istringstream lines(text);
    std::string shown;
    for (std::string line; std::getline(lines, line);) shown.append(margin).append(harmless(line, true)).append("\n");
    return shown;
}

std::string span_text(std::chrono::microseconds span) {
    const long long seconds = std::chrono::duration_cast<std::chrono::seconds>(span).count();
    if (seconds < 0) return "0 s";
    if (seconds < 60) return std::to_string(seconds) + " s";
    if (seconds < 3600) return formatted("%lldm%02llds", seconds / 60, seconds % 60);
    if (seconds < 86400) return formatted("%lldh%02lldm", seconds / 3600, seconds / 60 % 60);
    return formatted("%lldd%02lldh", seconds / 86400, seconds / 3600 % 24);
}

std::string size_text(std::int64_t bytes) {
    constexpr std::int64_t step = 1024;
    if (bytes < step) return std::to_string(bytes) + " B";
    if (bytes < step * step) return std::to_string(bytes / step) + " KB";
    if (bytes < 10 * step * step * step) return std::to_string(bytes / (step * step)) + " MB";
    return std::to_string(bytes / (step * step * step)) + " GB";
}

std::string time_text(std::int64_t epoch_us) {
    const std::time_t seconds = epoch_us / 1'000'000;
    std::tm broken_down{};
    ::localtime_r(&seconds, &broken_down);
    std::array<char, 32> buffer;
    const std::size_t size = std::strftime(buffer.data(), buffer.size(), "%Y-%m-%d %H:%M:%S", &broken_down);
    return std::string(buffer.data(), size) + formatted(".%03lld", epoch_us / 1000 % 1000, 0);
}

std::optional<std::chrono::milliseconds> parse_span(std::string_view text) {
    std::int64_t value = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
    if (error != std::errc{} || value < 0 || value > 1'000'000'000) return std::nullopt;
    if (unit == "ms") return std::chrono::milliseconds(value);
    if (unit == "s" || unit.empty()) return std::chrono::seconds(value);
    if (unit == "m") return std::chrono::minutes(value);
    if (unit == "h") return std::chrono::hours(value);
    if (unit == "d") return std::chrono::hours(24 * value);
    return std::nullopt;
}

}  // namespace emperor::ctl
