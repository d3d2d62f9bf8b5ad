// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/protocol/http_policy.h"

#include <algorithm>

#include "vassal/protocol/environ.h"

namespace vassal::protocol {
namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_hex(char c) noexcept { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); }

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// The next element of a comma list; `rest` loses it.
std::string_view next_element(std::string_view& rest) noexcept {
    const std::size_t comma = rest.find(',');
    const std::string_view element = trim(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    return element;
}

// RFC 9112 6.1 and 6.3: chunked must be the final coding and may be applied once; other codings are not understood.
int judge_transfer_encoding(std::string_view value) noexcept {
    if (equals_without_case(value, "chunked")) return 0;
    int chunked = 0;
    std::string_view last;
    for (std::string_view rest = value; !rest.empty();) {
        last = next_element(rest);
        if (equals_without_case(last, "chunked")) ++chunked;
    }
    return chunked == 1 && equals_without_case(last, "chunked") && value.back() != ',' && value.front() != ',' ? 501
                                                                                                               : 400;
}

int judge_body(const Framing& framing, bool is_http11, const Limits& limits, Head& head) noexcept {
    if (framing.transfer_encodings > 0) {
        if (!is_http11 || framing.transfer_encodings > 1 || framing.content_lengths > 0) return 400;
        if (const int status = judge_transfer_encoding(framing.transfer_encoding); status != 0) return status;
        head.is_chunked = true;
        return 0;
    }
    if (framing.content_lengths == 0) return 0;
    const auto length = parse_length(framing.content_length);
    if (framing.content_lengths > 1 || !length) return 400;
    if (*length > limits.body) return 413;
    head.content_length = *length;
    return 0;
}

bool is_valid_name(std::string_view name) noexcept {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') ||
               std::string_view("-._~%!$&'()*+,;=").find(c) != std::string_view::npos;
    });
}

}  // namespace

bool equals_without_case(std::string_view a, std::string_view lower_case) noexcept {
    if (a.size() != lower_case.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower_case[i]) return false;
    }
    return true;
}

void Framing::note(std::string_view name, std::string_view value) noexcept {
    switch (name.size()) {
        case 4:
            if (equals_without_case(name, "host")) host = value, ++hosts;
            return;
        case 6:
            if (equals_without_case(name, "expect")) expect = value, ++expects;
            return;
        case 10:
            if (!equals_without_case(name, "connection")) return;
            for (std::string_view rest = value; !rest.empty();) {
                const std::string_view option = next_element(rest);
                says_close = says_close || equals_without_case(option, "close");
                says_keep_alive = says_keep_alive || equals_without_case(option, "keep-alive");
            }
            return;
        case 14:
            if (equals_without_case(name, "content-length")) content_length = value, ++content_lengths;
            return;
        case 17:
            if (equals_without_case(name, "transfer-encoding")) transfer_encoding = value, ++transfer_encodings;
            return;
        default: return;
    }
}

bool is_valid_host(std::string_view host) noexcept {
    std::string_view port;
    if (host.starts_with('[')) {
        const std::size_t end = host.find(']');
        if (end == std::string_view::npos || end < 3) return false;
        const std::string_view address = host.substr(1, end - 1);
        if (!std::ranges::all_of(address, [](char c) { return is_hex(c) || c == ':' || c == '.'; })) return false;
        port = host.substr(end + 1);
    } else {
        const std::size_t colon = host.find(':');
        if (!is_valid_name(host.substr(0, colon))) return false;
        port = colon == std::string_view::npos ? std::string_view() : host.substr(colon);
    }
    return port.empty() || (port.front() == ':' && port.size() <= 6 && std::ranges::all_of(port.substr(1), is_digit));
}

int judge(const Framing& framing, bool is_http11, const Limits& limits, Head& head) noexcept {
    head.is_http11 = is_http11;
    if (framing.hosts > 1 || (is_http11 && framing.hosts == 0)) return 400;
    if (framing.hosts == 1 && !is_valid_host(framing.host)) return 400;
    if (const int status = judge_body(framing, is_http11, limits, head); status != 0) return status;
    if (framing.expects > 0 && is_http11) {
        if (framing.expects > 1 || !equals_without_case(framing.expect, "100-continue")) return 417;
        head.expects_continue = true;
    }
    head.keep_alive = !framing.says_close && (is_http11 || framing.says_keep_alive);
    return 0;
}

}  // namespace vassal::protocol
