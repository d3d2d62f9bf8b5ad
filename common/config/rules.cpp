// SPDX-License-Identifier: Apache-2.0
#include "common/config/rules.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>

#include "common/config/host_name.h"
#include "common/config/source_text.h"
#include "common/config/status_range.h"
#include "common/net/address.h"

namespace common::config {

namespace {

using Problem = std::optional<std::string>;

// Bounds of unix socket paths: PATH_MAX for the whole; the emperor binds through "/proc/self/fd/N/LAST", which together
// with LAST must fit into sockaddr_un's 107 bytes.
constexpr std::size_t max_socket_path = 4000;
constexpr std::size_t max_socket_name = 90;

bool is_letter(char c) noexcept {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_identifier(std::string_view text) {
    return !text.empty() && is_letter(text.front()) &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

bool is_dotted_name(std::string_view text) {
    while (true) {
        const std::size_t dot = text.find('.');
        if (!is_identifier(text.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        text.remove_prefix(dot + 1);
    }
}

Problem check_app(std::string_view text) {
    if (text.empty()) return "is empty (for example mysite.wsgi:application)";
    const std::size_t colon = text.rfind(':');
    const std::string_view place = text.substr(0, colon);
    if (!place.ends_with(".py") && place.find('/') != std::string_view::npos)
        return "a file must end in '.py', got " + in_quotes(place);
    if (place.ends_with(".py") ? place == ".py" || place.ends_with("/.py") : !is_dotted_name(place))
        return "expected package.module:callable, path/file.py:callable or module:factory(), got " + in_quotes(text);
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view callable = text.substr(colon + 1);
    if (callable.ends_with("()")) callable.remove_suffix(2);
    if (!is_dotted_name(callable))
        return "behind the ':' stands the name of a callable, or 'factory()' without arguments, got " +
               in_quotes(text.substr(colon + 1));
    return std::nullopt;
}

// Front ends and the server resolve these before they compare: such a prefix would match nothing.
bool has_dot_segment(std::string_view path) {
    while (!path.empty()) {
        const std::string_view segment = path.substr(0, path.find('/'));
        if (segment == "." || segment == "..") return true;
        path.remove_prefix(std::min(path.size(), segment.size() + 1));
    }
    return false;
}

Problem check_mount(std::string_view text) {
    if (text.empty()) return std::nullopt;
    if (text.find('=') != std::string_view::npos)
        return "expected a prefix such as /blog, got " + in_quotes(text) + " (the application goes into 'app')";
    if (!text.starts_with('/')) return "must begin with '/', got " + in_quotes(text);
    if (text.ends_with('/'))
        return "must not end in '/', got " + in_quotes(text) + (text == "/" ? " (the root is the default)" : "");
    if (text.find("//") != std::string_view::npos || text.find_first_of("?#% \t") != std::string_view::npos)
        return "is not a plain path: " + in_quotes(text);
    if (has_dot_segment(text)) return "'.' and '..' cannot be parts of a prefix, got " + in_quotes(text);
    return std::nullopt;
}

Problem check_account(std::string_view text) {
    const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) {
        return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '$' || c == '@' || c == '\\';
    });
    if (is_plain && !text.starts_with('-')) return std::nullopt;
    return "is not a name of a user or group: " + in_quotes(text);
}

Problem check_network(std::string_view text) {
    if (text == "unix") return std::nullopt;
    const std::size_t slash = text.find('/');
    const std::string address(text.substr(0, slash));
    std::array<unsigned char, sizeof(in6_addr)> parsed{};
    const int bits = ::inet_pton(AF_INET, address.c_str(), parsed.data()) == 1    ? 32
                     : ::inet_pton(AF_INET6, address.c_str(), parsed.data()) == 1 ? 128
                                                                                  : 0;
    if (bits == 0) return "expected an address, a network such as 10.0.0.0/8, or unix, got " + in_quotes(text);
    if (slash == std::string_view::npos) return std::nullopt;
    const std::string_view prefix = text.substr(slash + 1);
    int length = -1;
    const auto [end, error] = std::from_chars(prefix.data(), prefix.data() + prefix.size(), length);
    if (error != std::errc() || end != prefix.data() + prefix.size() || length < 0 || length > bits)
        return "the length of a network is 0 to " + std::to_string(bits) + ", got " + in_quotes(text);
    return std::nullopt;
}

Problem check_socket_path(const std::string& path) {
    const std::string_view last = std::string_view(path).substr(path.rfind('/') + 1);
    if (last.empty() || last == "." || last == "..") return "is not the path of a socket: " + in_quotes(path);
    if (path.size() > max_socket_path)
        return "the path is too long for a unix socket: " + std::to_string(path.size()) + " bytes, at most " +
               std::to_string(max_socket_path);
    if (last.size() > max_socket_name)
        return "the last part of the path is too long for a unix socket: " + std::to_string(last.size()) +
               " bytes, at most " + std::to_string(max_socket_name);
    return std::nullopt;
}

Problem check_host(const std::string& host) {
    if (host.empty()) return std::nullopt;
    if (host == "*") return "for every interface leave the host away: ':PORT'";
    if (host.find(':') != std::string::npos) {
        in6_addr parsed{};
        const std::string bare = host.substr(0, host.find('%'));
        if (::inet_pton(AF_INET6, bare.c_str(), &parsed) == 1) return std::nullopt;
        return "is not an IPv6 address: " + in_quotes(host);
    }
    const bool is_plain = std::all_of(host.begin(), host.end(), [](char c) {
        return (is_letter(c) && static_cast<unsigned char>(c) < 0x80) || is_digit(c) || c == '.' || c == '-';
    });
    return is_plain ? Problem{} : "is not a host: " + in_quotes(host);
}

// What stands behind GET in a request.
Problem check_request_path(std::string_view text) {
    if (text.empty()) return std::nullopt;
    if (!text.starts_with('/')) return "must begin with '/', got " + in_quotes(text);
    const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F && c != '#'; });
    if (!is_plain) return "is not the path of a request: " + in_quotes(text) + " (other characters are written as %XX)";
    return text.size() > 2000 ? Problem("is longer than 2000 bytes") : std::nullopt;
}

// The Host header of a request: a name, perhaps with a port.
Problem check_authority(const std::string& text) {
    const std::size_t colon = text.starts_with('[') ? text.find("]:") : text.find(':');
    const bool has_port = colon != std::string::npos;
    std::string host = has_port ? text.substr(0, text.starts_with('[') ? colon + 1 : colon) : text;
    const std::string port = has_port ? text.substr(text.find(':', colon) + 1) : "";
    if (has_port && (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), is_digit)))
        return "is not a host, or HOST:PORT: " + in_quotes(text);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return check_host(host);
}

bool has_control_character(std::string_view text, std::string_view allowed) {
    return std::any_of(text.begin(), text.end(), [&](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 || byte == 0x7F) && allowed.find(c) == std::string_view::npos;
    });
}

}  // namespace

std::optional<std::string> check_text(const Key& key, std::string_view text) {
    // A NUL would cut the text short in every system call; a line break belongs into no path, name or address.
    const bool is_command = key.path == "before_start";
    if (has_control_character(text, is_command ? "\n\t" : "")) return "contains a control character";
    if (key.path == "app") return check_app(text);
    if (key.path == "mount") return check_mount(text);
    if (key.path == "user" || key.path == "group" || key.path == "socket.owner" || key.path == "socket.group")
        return check_account(text);
    if (key.path == "hosts") return check_host_name(text);
    if (key.path == "trusted_proxies") return check_network(text);
    if (key.path == "health.path") return check_request_path(text);
    if (key.path == "health.host") return check_authority(std::string(text));
    if (key.path == "health.status" && !parse_status_range(text))
        return "expected a status such as 200 or a range such as 200-399, got " + in_quotes(text);
    if (key.kind == ValueKind::text_list && text.empty()) return "is empty";
    const bool is_path = key.kind == ValueKind::path || key.kind == ValueKind::path_map || key.path == "env_file" ||
                         key.path == "python_path" || key.path == "watch";
    if (is_path && text.starts_with('~')) return "'~' is not expanded (write the whole path or ${HOME})";
    if (is_path && text.size() >= PATH_MAX) return "is longer than a path can be";
    return std::nullopt;
}

std::optional<std::string> check_url_prefix(std::string_view text) {
    if (has_control_character(text, "")) return "contains a control character";
    if (text == "/") return "'/' would hide the whole application; name a prefix such as /static";
    if (auto problem = check_mount(text.ends_with('/') ? text.substr(0, text.size() - 1) : text)) return problem;
    if (text.empty()) return "expected a prefix such as /static, got ''";
    return std::nullopt;
}

std::optional<std::string> check_env_name(std::string_view name) {
    const bool is_ascii =
        std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (is_identifier(name) && is_ascii) return std::nullopt;
    return in_quotes(name) + " is not a name of an environment variable (letters, digits and '_')";
}

Result<std::string> canonical_listen(std::string_view text) {
    if (has_control_character(text, "")) return failure("contains a control character");
    auto parsed = net::parse_listen_address(text);
    if (!parsed) {
        const bool is_number = !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
        if (is_number)
            return failure("expected PROTO:ADDRESS, got " + in_quotes(text) + " (for the backlog use socket.backlog)");
        return failure(printable(parsed.error().message(), 400));
    }
    Problem problem;
    switch (parsed->address.kind) {
        case net::Address::Kind::unix_path: problem = check_socket_path(parsed->address.path); break;
        case net::Address::Kind::unix_abstract: break;
        case net::Address::Kind::tcp: problem = check_host(parsed->address.host); break;
    }
    if (problem) return failure(std::move(*problem));
    return parsed->text();
}

}  // namespace common::config
