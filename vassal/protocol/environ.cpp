// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/protocol/environ.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "vassal/protocol/request_start.h"
#include "vassal/protocol/trusted_proxies.h"

namespace vassal::protocol {
namespace {

void add_missing(ParamSet& params, Known known, std::string_view key, std::string_view value) {
    if (params.find(known) == nullptr) params.add(key, value, known);
}

// HTTP_HOST without its port: "[::1]:80" is "[::1]".
std::string_view host_of(std::string_view authority) noexcept {
    const std::size_t from = authority.starts_with('[') ? authority.find(']') : 0;
    if (from == std::string_view::npos) return {};
    return authority.substr(0, authority.find(':', from));
}

// "Debian's `server_name` may be empty" (uwsgi): the name the client used, else the listener's.
void complete_server(Head& head, const Facts& facts) {
    ParamSet& params = head.params;
    if (params.value(Known::server_name).empty()) {
        const std::string_view host = host_of(params.value(Known::http_host));
        params.replace("SERVER_NAME", host.empty() ? facts.server_name : host, Known::server_name);
    }
    if (params.value(Known::server_port).empty()) {
        const std::string_view fallback = head.url_scheme == "https" ? "443" : "80";
        params.replace("SERVER_PORT", facts.server_port.empty() ? fallback : facts.server_port, Known::server_port);
    }
    add_missing(params, Known::server_protocol, "SERVER_PROTOCOL", "HTTP/1.0");
}

void complete_path(Head& head, std::string_view mount) {
    ParamSet& params = head.params;
    add_missing(params, Known::path_info, "PATH_INFO", "");
    add_missing(params, Known::query_string, "QUERY_STRING", "");
    add_missing(params, Known::script_name, "SCRIPT_NAME", "");
    const std::string_view path = params.value(Known::path_info);
    head.path = path;
    head.has_script_name = !params.value(Known::script_name).empty();
    // A front end that names SCRIPT_NAME has split the path itself.
    if (mount.empty() || head.has_script_name) return;
    params.replace("SCRIPT_NAME", mount, Known::script_name);
    if (path.starts_with(mount) && (path.size() == mount.size() || path[mount.size()] == '/')) {
        params.replace("PATH_INFO", path.substr(mount.size()), Known::path_info);
    }
}

std::string_view scheme_of(const ParamSet& params) noexcept {
    const std::string_view https = params.value(Known::https);
    if (https == "on" || https == "1" || https == "true") return "https";
    const app::Param* named = params.find(Known::uwsgi_scheme);
    if (named == nullptr) named = params.find(Known::request_scheme);
    return named != nullptr && named->value == "https" ? "https" : "http";
}

// X-Forwarded-* counts only when the peer that the server saw is a proxy of the operator's.
void believe_proxy(Head& head, const TrustedProxies& trusted) {
    ParamSet& params = head.params;
    if (!trusted.contains(params.value(Known::remote_addr))) return;
    const std::string_view proto = params.value(Known::http_x_forwarded_proto);
    if (proto == "https" || proto == "http") head.url_scheme = proto == "https" ? "https" : "http";
    const std::string_view client = trusted.client_of(params.value(Known::http_x_forwarded_for));
    if (!client.empty()) {
        params.replace("REMOTE_ADDR", client, Known::remote_addr);
        params.remove(Known::remote_port);  // the proxy's
    }
    take_request_id(head);
    take_request_start(head);
}

}  // namespace

int complete_environ(Head& head, const Facts& facts) {
    ParamSet& params = head.params;
    if (!params.finish()) return 431;
    head.method = params.value(Known::request_method);
    if (head.method.empty()) return 400;
    head.uri = params.value(Known::request_uri);
    if (head.uri.empty()) head.uri = params.value(Known::path_info);
    head.url_scheme = scheme_of(params);
    params.remove(Known::uwsgi_scheme);
    if (facts.trusted != nullptr && !facts.trusted->empty()) believe_proxy(head, *facts.trusted);
    complete_server(head, facts);
    complete_path(head, facts.mount);
    return 0;
}

void take_request_id(Head& head) noexcept {
    constexpr std::size_t max_size = 64;
    const app::Param* const given = head.params.find(Known::http_x_request_id);
    if (given == nullptr || given->value.empty() || given->value.size() > max_size) return;
    // It goes into logs and a header: nothing that could mean something there.
    for (const char c : given->value) {
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-') return;
    }
    head.request_id = given->value;
}

std::string_view url_path(Head& head) noexcept {
    if (!head.has_script_name) return head.path;
    const std::string_view script = head.params.value(Known::script_name);
    char* const begin = head.params.allocate(script.size() + head.path.size());
    if (begin == nullptr) return head.path;
    std::copy(head.path.begin(), head.path.end(), std::copy(script.begin(), script.end(), begin));
    return {begin, script.size() + head.path.size()};
}

void set_content_length(Head& head, std::uint64_t size) {
    constexpr std::size_t digits = 20;
    char* const begin = head.params.allocate(digits);
    if (begin == nullptr) return;
    const char* const end = std::to_chars(begin, begin + digits, size).ptr;
    head.params.replace("CONTENT_LENGTH", {begin, static_cast<std::size_t>(end - begin)}, Known::content_length);
}

std::optional<std::uint64_t> parse_length(std::string_view text) noexcept {
    if (text.empty()) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10) return std::nullopt;
        value = value * 10 + digit;
    }
    return value;
}

}  // namespace vassal::protocol
