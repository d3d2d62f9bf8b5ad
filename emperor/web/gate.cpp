// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/gate.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace emperor::web {

namespace {

constexpr std::size_t longest_token = 512;

bool is_numeric(const std::string& host) {
    std::array<unsigned char, 16> address{};
    if (host.starts_with('[') && host.ends_with(']'))
        return ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), address.data()) == 1;
    return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    return out;
}

// Without ":8080"; nothing when what stands there is no port.
std::optional<std::string_view> without_port(std::string_view host) {
    const std::size_t bracket = host.rfind(']');
    const std::size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (colon == std::string_view::npos) return host;
    const std::string_view port = host.substr(colon + 1);
    const bool is_port =
        !port.empty() && port.size() <= 5 && std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
    return is_port ? std::optional(host.substr(0, colon)) : std::nullopt;
}

// RFC 6454: scheme, host and port. A proxy in front may speak https.
bool is_same_origin(std::string_view origin, std::string_view host) {
    for (const std::string_view scheme : {"http://", "https://"})
        if (origin.starts_with(scheme)) return lower(origin.substr(scheme.size())) == lower(host);
    return false;
}

}  // namespace

bool is_own_host(std::string_view host, const std::vector<std::string>& hosts) {
    const std::optional<std::string_view> bare = without_port(host);
    if (!bare || bare->empty()) return false;
    const std::string name = lower(*bare);
    if (name == "localhost" || is_numeric(name)) return true;
    return std::ranges::any_of(hosts, [&](const std::string& own) { return lower(own) == name; });
}

bool is_same_secret(std::string_view given, std::string_view secret) noexcept {
    unsigned difference = given.size() == secret.size() ? 0 : 1;
    for (std::size_t at = 0; at < given.size(); ++at) {
        const char own = secret.empty() ? '\0' : secret[at % secret.size()];
        difference |= static_cast<unsigned>(static_cast<unsigned char>(given[at]) ^ static_cast<unsigned char>(own));
    }
    return difference == 0 && !secret.empty();
}

Standing standing_of(const Credentials& credentials, const Policy& policy) {
    if (credentials.authorization.empty()) return Standing::stranger;
    const std::string_view text = credentials.authorization;
    constexpr std::string_view scheme = "bearer ";
    if (text.size() < scheme.size() || lower(text.substr(0, scheme.size())) != scheme) return Standing::wrong_token;
    return is_same_secret(text.substr(scheme.size()), policy.token) ? Standing::holder : Standing::wrong_token;
}

std::optional<Refusal> refuse(const Credentials& credentials, Need need, const Policy& policy) {
    if (need == Need::nothing) return std::nullopt;
    if (!is_own_host(credentials.host, policy.hosts))
        return Refusal{421, "the dashboard is not known as this host; see --http-host"};
    if (!credentials.origin.empty() && !is_same_origin(credentials.origin, credentials.host))
        return Refusal{403, "another site's page may not ask this"};
    if (need == Need::page) return std::nullopt;
    const std::string_view site = credentials.fetch_site;
    if (!site.empty() && site != "same-origin" && site != "none") return Refusal{403, "another site's page may not ask this"};
    const Standing standing = standing_of(credentials, policy);
    if (standing == Standing::holder) return std::nullopt;
    if (standing == Standing::wrong_token) return Refusal{401, "this token is not the dashboard's"};
    if (need == Need::read && !policy.reads_need_token) return std::nullopt;
    if (policy.token.empty()) return Refusal{403, "read-only: the emperor was started without --http-token-file"};
    return Refusal{401, "this needs the dashboard's token: Authorization: Bearer TOKEN"};
}

bool is_local(const common::net::Address& address) noexcept {
    if (address.kind != common::net::Address::Kind::tcp) return true;
    if (address.host == "localhost") return true;
    in_addr v4{};
    if (::inet_pton(AF_INET, address.host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
    in6_addr v6{};
    return ::inet_pton(AF_INET6, address.host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::string problem_of_token(std::string_view token) {
    if (token.size() < shortest_token) return "a token has at least 16 characters (openssl rand -hex 32)";
    if (token.size() > longest_token) return "a token has at most 512 characters";
    if (!std::ranges::all_of(token, [](char c) { return c > ' ' && c <= '~'; }))
        return "a token is made of visible ASCII characters";
    return "";
}

}  // namespace emperor::web
