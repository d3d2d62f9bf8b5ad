// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include <cstring>

#include "vassal/protocol/http.h"

namespace vassal::protocol {
namespace {

bool contains(std::string_view line, char c) noexcept {
    return !line.empty() && std::memchr(line.data(), c, line.size()) != nullptr;
}

// `line` without CRLF. 0 or a status.
int check_line(std::string_view line, bool is_request_line) noexcept {
    if (contains(line, '\r') || contains(line, '\0')) return 400;
    if (is_request_line) return line.size() > max_request_line ? 414 : 0;
    return line.front() == ' ' || line.front() == '\t' ? 400 : 0;  // obs-fold (RFC 9112 5.2)
}

// What has arrived of a line that is not complete.
Decoded check_tail(std::string_view buffer, const HttpScan& scan, const Limits& limits) noexcept {
    const bool in_request_line = scan.lines == 0;
    // One byte more: the CR, when its LF is still on the way.
    if (in_request_line && buffer.size() - scan.line > max_request_line + 1) return bad(414);
    if (buffer.size() - scan.begin > limits.header_size) return bad(in_request_line ? 414 : 431);
    return {};
}

}  // namespace

Decoded scan_http(std::string_view buffer, HttpScan& scan, const Limits& limits) noexcept {
    for (;;) {
        const std::string_view rest = buffer.substr(scan.line);
        const void* const newline = rest.empty() ? nullptr : std::memchr(rest.data(), '\n', rest.size());
        if (newline == nullptr) return check_tail(buffer, scan, limits);
        const auto size = static_cast<std::size_t>(static_cast<const char*>(newline) - rest.data());
        if (size == 0 || rest[size - 1] != '\r') return bad(400);  // bare LF
        const std::string_view line = rest.substr(0, size - 1);
        scan.line += static_cast<std::uint32_t>(size + 1);
        if (line.empty() && scan.lines == 0) {
            // One empty line before a request is allowed (RFC 9112 2.2): old clients send it after a body.
            if (scan.skipped_empty_line) return bad(400);
            scan.skipped_empty_line = true;
            scan.begin = scan.line;
            continue;
        }
        if (scan.line - scan.begin > limits.header_size) return bad(scan.lines == 0 ? 414 : 431);
        if (line.empty()) return {.outcome = Outcome::complete, .consumed = scan.line};
        if (const int status = check_line(line, scan.lines == 0); status != 0) return bad(status);
        if (++scan.lines > limits.headers + 1) return bad(431);
    }
}

}  // namespace vassal::protocol
