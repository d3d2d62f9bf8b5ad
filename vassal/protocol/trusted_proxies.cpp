// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/trusted_proxies.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "vassal/protocol/environ.h"

namespace vassal::protocol {
namespace {

constexpr int v4_prefix_bits = 96;
constexpr std::array<unsigned char, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

bool TrustedProxies::parse_address(std::string_view text, Bytes& bytes) noexcept {
    if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.empty() || text.size() >= terminated.size()) return false;
    std::ranges::copy(text, terminated.begin());
    if (::inet_pton(AF_INET6, terminated.data(), bytes.data()) == 1) return true;
    std::ranges::copy(v4_prefix, bytes.begin());
    return ::inet_pton(AF_INET, terminated.data(), bytes.data() + v4_prefix.size()) == 1;
}

common::Result<TrustedProxies> TrustedProxies::parse(std::span<const std::string> entries) {
    TrustedProxies trusted;
    for (const std::string& entry : entries) {
        if (entry == "unix") {
            trusted.trusts_unix_ = true;
            continue;
        }
        const auto wrong = [&] {
            return common::failure("trusted_proxies: '" + entry + "' is not an address or block");
        };
        const std::string_view text = entry;
        const std::size_t slash = text.find('/');
        Block block;
        if (!parse_address(text.substr(0, slash), block.address)) return wrong();
        if (slash != std::string_view::npos) {
            const bool is_v4 = text.substr(0, slash).find(':') == std::string_view::npos;
            const auto bits = parse_length(text.substr(slash + 1));
            if (!bits || *bits > (is_v4 ? 32u : 128u)) return wrong();
            block.bits = static_cast<int>(*bits) + (is_v4 ? v4_prefix_bits : 0);
        }
        trusted.blocks_.push_back(block);
    }
    return trusted;
}

bool TrustedProxies::matches(const Bytes& bytes) const noexcept {
    return std::ranges::any_of(blocks_, [&](const Block& block) {
        const auto whole = static_cast<std::size_t>(block.bits / 8);
        if (std::memcmp(bytes.data(), block.address.data(), whole) != 0) return false;
        const int rest = block.bits % 8;
        if (rest == 0) return true;
        const int mask = 0xff << (8 - rest);
        return ((bytes[whole] ^ block.address[whole]) & mask) == 0;
    });
}

bool TrustedProxies::contains(std::string_view address) const noexcept {
    if (address.empty()) return trusts_unix_;
    Bytes bytes{};
    return parse_address(address, bytes) && matches(bytes);
}

std::string_view TrustedProxies::client_of(std::string_view forwarded_for) const noexcept {
    std::string_view rest = forwarded_for;
    std::string_view client;
    while (!rest.empty()) {
        const std::size_t comma = rest.rfind(',');
        const std::string_view hop = trim(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(0, comma);
        Bytes bytes{};
        if (!parse_address(hop, bytes)) return client;  // what stands further left was written by anybody
        client = hop;
        if (!matches(bytes)) return client;
    }
    return client;
}

}  // namespace vassal::protocol
