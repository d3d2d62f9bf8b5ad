// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/http.h"

namespace emperor::stats {

namespace {
constexpr std::string_view method = "GET ";

std::string head(int status, std::string_view phrase, std::string_view type, std::size_t length) {
    std::string text = "HTTP/1.0 " + std::to_string(status) + " ";
    text.append(phrase).append("\r\nConnection: close\r\nContent-Type: ").append(type);
    return text + "\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}
}  // namespace

Opening opening_of(std::string_view received) noexcept {
    if (received.starts_with(method)) return Opening::http;
    return method.starts_with(received) ? Opening::undecided : Opening::raw;
}

bool is_complete(std::string_view request) noexcept {
    return request.find("\r\n\r\n") != std::string_view::npos || request.find("\n\n") != std::string_view::npos;
}

std::optional<std::string> path_of(std::string_view request) {
    std::string_view line = request.substr(0, request.find_first_of("\r\n"));
    if (!line.starts_with(method)) return std::nullopt;
    line.remove_prefix(method.size());
    std::string_view target = line.substr(0, line.find(' '));
    if (target.starts_with("http://")) {  // the absolute form, as proxies send it
        const auto slash = target.find('/', 7);
        target = slash == std::string_view::npos ? "/" : target.substr(slash);
    }
    if (!target.starts_with('/')) return std::nullopt;
    return std::string(target.substr(0, target.find('?')));
}

std::string ok_head(std::size_t length) { return head(200, "OK", "application/json", length); }

std::string error_answer(int status, std::string_view phrase, std::string_view text) {
    const std::string body = std::string(text) + "\n";
    return head(status, phrase, "text/plain", body.size()) + body;
}

}  // namespace emperor::stats
