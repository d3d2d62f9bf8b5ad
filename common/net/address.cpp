// SPDX-License-Identifier: Apache-2.0
#include "common/net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace common::net {

namespace {

constexpr std::array<std::string_view, 4> protocol_names = {"uwsgi", "http", "fastcgi", "scgi"};

std::optional<Protocol> protocol_named(std::string_view name) noexcept {
    for (std::size_t i = 0; i < protocol_names.size(); ++i)
        if (protocol_names[i] == name) return static_cast<Protocol>(i);
    return std::nullopt;
}

Error bad(std::string_view text, std::string_view why) {
    return failure("address '" + std::string(text) + "': " + std::string(why));
}

// With or without a zone: fe80::1%eth0.
bool is_ipv6_literal(std::string_view host) {
    const auto percent = host.find('%');
    in6_addr parsed{};
    if (::inet_pton(AF_INET6, std::string(host.substr(0, percent)).c_str(), &parsed) != 1) return false;
    if (percent == std::string_view::npos) return true;
    const std::string_view zone = host.substr(percent + 1);
    return !zone.empty() && std::all_of(zone.begin(), zone.end(), [](unsigned char c) {
        return c > ' ' && c < 0x7f && c != '/' && c != '%';
    });
}

Result<Address> parse_tcp(std::string_view text) {
    std::string_view host, port;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return bad(text, "missing ']'");
        host = text.substr(1, close - 1);
        if (!is_ipv6_literal(host)) return bad(text, "expected an IPv6 address between '[' and ']'");
        if (text.substr(close + 1, 1) != ":") return bad(text, "expected ':PORT' after ']'");
        port = text.substr(close + 2);
    } else {
        const auto colon = text.rfind(':');
        if (colon == std::string_view::npos)
            return bad(text, "expected an absolute path, @name, host:port or :port");
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (host.find(':') != std::string_view::npos) return bad(text, "write an IPv6 address in brackets: [::1]:8000");
        if (host.find('/') != std::string_view::npos) return bad(text, "a unix socket path must start with '/'");
    }
    unsigned number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc() || end != port.data() + port.size() || number > 65535)
        return bad(text, "the port must be a number from 0 to 65535");
    Address address;
    address.kind = Address::Kind::tcp;
    address.host = std::string(host);
    address.port = static_cast<std::uint16_t>(number);
    return address;
}

}  // namespace

std::string_view name_of(Protocol protocol) noexcept { return protocol_names[static_cast<std::size_t>(protocol)]; }

std::string Address::text() const {
    switch (kind) {
        case Kind::unix_path: return path;
        case Kind::unix_abstract: return "@" + path;
        case Kind::tcp: break;
    }
    const bool is_ipv6 = host.find(':') != std::string::npos;
    return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string ListenAddress::text() const { return std::string(name_of(protocol)) + ":" + address.text(); }

Result<Address> parse_address(std::string_view text) {
    if (text.empty()) return failure("the address is empty");
    if (text.find('\0') != std::string_view::npos) return failure("the address contains a NUL byte");
    if (text.front() == '/') {
        Address address;
        address.path = std::string(text);
        return address;
    }
    if (text.front() == '@') {
        if (text.size() == 1) return bad(text, "an abstract socket needs a name after '@'");
        if (text.size() > 108) return bad(text, "an abstract socket name has at most 107 bytes");
        Address address;
        address.kind = Address::Kind::unix_abstract;
        address.path = std::string(text.substr(1));
        return address;
    }
    return parse_tcp(text);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || text.starts_with('/') || text.starts_with('@'))
        return bad(text, "expected PROTO:ADDRESS, for example uwsgi:/run/app.sock or http:127.0.0.1:8000");
    const auto protocol = protocol_named(text.substr(0, colon));
    if (!protocol) return bad(text, "unknown protocol '" + std::string(text.substr(0, colon)) + "' (uwsgi, http, fastcgi, scgi)");
    auto address = parse_address(text.substr(colon + 1));
    if (!address) return address.error();
    return ListenAddress{*protocol, std::move(*address)};
}

}  // namespace common::net
