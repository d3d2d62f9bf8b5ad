// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/request_start.h"

#include <charconv>

namespace vassal::protocol {
namespace {

// Of the year 2001 in each unit; seconds reach the same figure in milliseconds in the year 33658.
constexpr std::int64_t least_s = 1'000'000'000;
constexpr std::int64_t least_ms = least_s * 1000;
constexpr std::int64_t least_us = least_ms * 1000;
constexpr std::int64_t least_ns = least_us * 1000;

}  // namespace

std::int64_t parse_request_start(std::string_view text) noexcept {
    if (text.starts_with("t=")) text.remove_prefix(2);
    const char* const end = text.data() + text.size();
    if (text.empty() || text[0] < '0' || text[0] > '9') return 0;
    std::int64_t whole = 0;
    auto [at, error] = std::from_chars(text.data(), end, whole);
    if (error != std::errc{} || whole < least_s || whole >= least_ns) return 0;
    if (at == end) {
        if (whole >= least_us) return whole;
        return whole >= least_ms ? whole * 1000 : whole * 1'000'000;
    }
    // A fraction belongs to seconds, or to HAProxy's and New Relic's milliseconds.
    if (*at != '.' || whole >= least_us) return 0;
    std::int64_t us = whole;
    int digits = whole >= least_ms ? 3 : 6;
    while (++at != end) {
        if (*at < '0' || *at > '9') return 0;
        if (digits == 0) continue;
        us = us * 10 + (*at - '0');
        --digits;
    }
    for (; digits > 0; --digits) us *= 10;
    return us;
}

void take_request_start(Head& head) noexcept {
    const app::Param* const given = head.params.find(Known::http_x_request_start);
    if (given != nullptr) head.request_start_us = parse_request_start(given->value);
}

}  // namespace vassal::protocol
