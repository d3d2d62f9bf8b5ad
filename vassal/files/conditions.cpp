// SPDX-License-Identifier: Apache-2.0
#include "vassal/files/conditions.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "vassal/files/http_date.h"
#include "vassal/protocol/http_policy.h"

namespace vassal::files {
namespace {

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// Whether a list of entity tags names this one. A weak tag equals a strong one only where `is_weak` comparison is
// asked for (If-None-Match). A comma inside quotes belongs to a tag.
bool names(std::string_view list, std::string_view etag, bool is_weak) noexcept {
    if (trimmed(list) == "*") return true;
    for (;;) {
        const std::size_t begin = list.find('"');
        if (begin == std::string_view::npos) return false;
        const std::size_t end = list.find('"', begin + 1);
        if (end == std::string_view::npos) return false;
        const bool tag_is_weak = begin >= 2 && list.substr(begin - 2, 2) == "W/";
        if ((is_weak || !tag_is_weak) && list.substr(begin, end + 1 - begin) == etag) return true;
        list.remove_prefix(end + 1);
    }
}

// 0, or the status that a precondition ends the request with; in the order of RFC 9110 13.2.2.
int precondition(const Validators& file, const Conditions& conditions) noexcept {
    if (!conditions.if_match.empty()) {
        if (!names(conditions.if_match, file.etag, false)) return 412;
    } else if (const auto date = parse_http_date(conditions.if_unmodified_since); date && file.modified > *date) {
        return 412;
    }
    if (!conditions.if_none_match.empty()) return names(conditions.if_none_match, file.etag, true) ? 304 : 0;
    const auto date = parse_http_date(conditions.if_modified_since);
    return date && file.modified <= *date ? 304 : 0;
}

std::optional<std::uint64_t> number(std::string_view text) noexcept {
    if (text.empty()) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) {
            value = std::numeric_limits<std::uint64_t>::max();  // beyond every file
        } else {
            value = value * 10 + digit;
        }
    }
    return value;
}

// Nothing: no range of bytes, or more than one; such a field is ignored.
std::optional<Verdict> partial(std::string_view range, std::uint64_t size) noexcept {
    constexpr std::string_view unit = "bytes=";
    constexpr Verdict unsatisfiable{.status = 416};
    range = trimmed(range);
    if (!protocol::equals_without_case(range.substr(0, unit.size()), unit)) return std::nullopt;
    range = trimmed(range.substr(unit.size()));
    const std::size_t dash = range.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto first = number(range.substr(0, dash));
    const auto last = number(range.substr(dash + 1));
    if (dash == 0) {  // "-500": the last 500 bytes
        if (!last) return std::nullopt;
        const std::uint64_t count = std::min(*last, size);
        if (count == 0) return unsatisfiable;
        return Verdict{206, size - count, count};
    }
    const bool is_open = dash + 1 == range.size();  // "500-"
    if (!first || (!last && !is_open) || (last && *last < *first)) return std::nullopt;
    if (*first >= size) return unsatisfiable;
    const std::uint64_t count = last ? std::min(*last - *first, size - *first - 1) + 1 : size - *first;
    return Verdict{206, *first, count};
}

// A range counts only for the version that the client has the other parts of.
bool is_same_version(const Validators& file, std::string_view if_range) noexcept {
    if (if_range.empty()) return true;
    if (if_range.find('"') != std::string_view::npos) return trimmed(if_range) == file.etag;
    return parse_http_date(if_range) == file.modified;
}

}  // namespace

Verdict judge(const Validators& file, const Conditions& conditions, bool is_head) noexcept {
    const Verdict whole{200, 0, file.size};
    if (const int status = precondition(file, conditions); status != 0) return {.status = status};
    if (is_head || conditions.range.empty() || !is_same_version(file, conditions.if_range)) return whole;
    return partial(conditions.range, file.size).value_or(whole);
}

}  // namespace vassal::files
