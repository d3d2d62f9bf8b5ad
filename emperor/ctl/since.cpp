// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/since.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>
#include <string_view>

#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

constexpr std::int64_t second = 1'000'000;

// ".123" at the beginning of `rest`, in microseconds; takes it away.
std::optional<std::int64_t> take_fraction(std::string_view& rest) {
    if (!rest.starts_with('.')) return 0;
    rest.remove_prefix(1);
    std::int64_t value = 0, unit = second / 10;
    std::size_t digits = 0;
    for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9'; ++digits, unit /= 10)
        value += (rest[digits] - '0') * unit;
    rest.remove_prefix(digits);
    return digits == 0 ? std::nullopt : std::optional(value);
}

// "Z", "+01:00", "-0330"; seconds east of Greenwich.
std::optional<std::int64_t> zone_of(std::string_view text) {
    if (text == "Z" || text == "z") return 0;
    std::string digits(text.substr(std::min<std::size_t>(1, text.size())));
    std::erase(digits, ':');
    if ((text[0] != '+' && text[0] != '-') || digits.size() != 4) return std::nullopt;
    int value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size() || value / 100 > 14 || value % 100 > 59) return std::nullopt;
    const std::int64_t east = (value / 100 * 60 + value % 100) * 60;
    return text[0] == '-' ? -east : east;
}

std::optional<std::int64_t> epoch_seconds(std::string_view digits) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool fits = error == std::errc{} && end == digits.data() + digits.size() && value >= 0 && value < 253'402'300'800;
    return fits ? std::optional(value * second) : std::nullopt;
}

std::optional<std::int64_t> parse_time(const std::string& text, std::int64_t now_us) {
    static constexpr const char* formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M",
                                              "%Y-%m-%d",          "%H:%M:%S",          "%H:%M"};
    const std::time_t now = now_us / second;
    for (const char* format : formats) {
        std::tm parts{};
        if (format[1] == 'H') {
            ::localtime_r(&now, &parts);
            parts.tm_sec = 0;
        }
        parts.tm_isdst = -1;
        const char* end = ::strptime(text.c_str(), format, &parts);
        if (end == nullptr) continue;
        std::string_view rest(end);
        const bool has_seconds = std::strstr(format, "%S") != nullptr;
        const auto fraction = has_seconds ? take_fraction(rest) : 0;
        if (!fraction) return std::nullopt;
        if (rest.empty()) return std::mktime(&parts) * second + *fraction;
        const auto zone = zone_of(rest);
        if (!zone) continue;
        return (::timegm(&parts) - *zone) * second + *fraction;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_since(const std::string& text, std::int64_t now_us) {
    if (text.empty()) return std::nullopt;
    if (text[0] == '@') return epoch_seconds(std::string_view(text).substr(1));
    const auto span = parse_span(text);
    const auto time = span ? now_us - std::chrono::microseconds(*span).count() : parse_time(text, now_us);
    return time ? std::optional(std::max<std::int64_t>(0, *time)) : std::nullopt;
}

}  // namespace emperor::ctl
