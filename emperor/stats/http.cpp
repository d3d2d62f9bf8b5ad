// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/http.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace emperor::stats {

namespace {
constexpr std::string_view get = "GET ", head_only = "HEAD ";
constexpr std::array<std::string_view, 9> methods = {get,       head_only, "POST ",    "PUT ",  "DELETE ",
                                                     "CONNECT ", "OPTIONS ", "TRACE ", "PATCH "};
constexpr std::string_view tag_begin = "W/\"", tag_end = "\"";

std::string head(int status, std::string_view phrase, std::string_view type, std::size_t length,
                 std::string_view more = {}) {
    std::string text = "HTTP/1.0 " + std::to_string(status) + " ";
    text.append(phrase).append("\r\nConnection: close\r\nContent-Type: ").append(type).append("\r\n").append(more);
    return text + "Content-Length: " + std::to_string(length) + "\r\n\r\n";
}

std::string tag_line(std::uint64_t revision) {
    if (revision == 0) return {};
    return "ETag: " + std::string(tag_begin) + std::to_string(revision) + std::string(tag_end) + "\r\n";
}

bool read_number(std::string_view text, std::uint64_t& value) noexcept {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

bool read_parameter(std::string_view name, std::string_view value, Target& target) {
    if (name == "vassal") {
        target.vassal = value;
        return !value.empty();
    }
    if (name == "per_worker") {
        target.is_per_worker = value == "1";
        return value == "1" || value == "0";
    }
    return name != "since" || read_number(value, target.since);
}

bool read_query(std::string_view query, Target& target) {
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), part.size() + 1));
        const auto equals = part.find('=');
        const std::string_view value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
        if (!read_parameter(part.substr(0, equals), value, target)) return false;
    }
    return true;
}

// Of one tag that is ours; a list, "*" and others' tags are answered in full.
std::uint64_t known_revision(std::string_view request) {
    constexpr std::string_view name = "If-None-Match:";
    std::uint64_t revision = 0;
    for (std::size_t at = request.find('\n'); at != std::string_view::npos; at = request.find('\n', at + 1)) {
        std::string_view line = request.substr(at + 1);
        line = line.substr(0, line.find_first_of("\r\n"));
        if (line.size() < name.size() || ::strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
        line.remove_prefix(name.size());
        while (line.starts_with(' ')) line.remove_prefix(1);
        if (!line.starts_with(tag_begin) || !line.ends_with(tag_end) || line.size() <= tag_begin.size()) return 0;
        line.remove_prefix(tag_begin.size());
        line.remove_suffix(tag_end.size());
        return read_number(line, revision) ? revision : 0;
    }
    return revision;
}

}  // namespace

Opening opening_of(std::string_view received) noexcept {
    bool may_become_one = false;
    for (const std::string_view method : methods) {
        if (received.starts_with(method)) return Opening::http;
        may_become_one = may_become_one || method.starts_with(received);
    }
    return may_become_one ? Opening::undecided : Opening::raw;
}

bool is_refused_method(std::string_view request) noexcept {
    return !request.starts_with(get) && !request.starts_with(head_only) && opening_of(request) == Opening::http;
}

bool is_complete(std::string_view request) noexcept {
    return request.find("\r\n\r\n") != std::string_view::npos || request.find("\n\n") != std::string_view::npos;
}

std::optional<Target> target_of(std::string_view request) {
    std::string_view line = request.substr(0, request.find_first_of("\r\n"));
    const bool is_head_only = line.starts_with(head_only);
    if (!is_head_only && !line.starts_with(get)) return std::nullopt;
    line.remove_prefix(is_head_only ? head_only.size() : get.size());
    std::string_view text = line.substr(0, line.find(' '));
    if (text.starts_with("http://")) {  // the absolute form, as proxies send it
        const auto slash = text.find('/', 7);
        text = slash == std::string_view::npos ? "/" : text.substr(slash);
    }
    if (!text.starts_with('/')) return std::nullopt;
    const auto question = text.find('?');
    Target target{.path = std::string(text.substr(0, question)), .vassal = {}, .is_head_only = is_head_only};
    if (question != std::string_view::npos && !read_query(text.substr(question + 1), target)) return std::nullopt;
    target.known = known_revision(request);
    return target;
}

std::string ok_head(std::string_view type, std::size_t length, std::uint64_t revision) {
    return head(200, "OK", type, length, tag_line(revision));
}

std::string not_modified_head(std::uint64_t revision) {
    return "HTTP/1.0 304 Not Modified\r\nConnection: close\r\n" + tag_line(revision) + "\r\n";
}

std::string error_answer(int status, std::string_view phrase, std::string_view text, bool is_head_only) {
    const std::string body = std::string(text) + "\n";
    const std::string answer = head(status, phrase, "text/plain", body.size());
    return is_head_only ? answer : answer + body;
}

std::string method_not_allowed() {
    const std::string_view body = "only GET and HEAD; a stats socket takes no orders\n";
    return head(405, "Method Not Allowed", "text/plain", body.size(), "Allow: GET, HEAD\r\n").append(body);
}

}  // namespace emperor::stats
