// SPDX-License-Identifier: Apache-2.0
// Hot path. What PEP 3333 and RFC 9110 allow in a status and in a header, on the bytes of Latin-1 strings. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace vassal::python {

namespace detail {

constexpr std::array<bool, 256> make_token_table() {
    std::array<bool, 256> table{};
    for (const char c :
         std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
        table[static_cast<unsigned char>(c)] = true;
    }
    return table;
}
inline constexpr std::array<bool, 256> token_table = make_token_table();

constexpr bool is_control(unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; }

}  // namespace detail

// RFC 9110 5.6.2: what a header name is made of.
[[nodiscard]] inline bool is_token(std::string_view text) noexcept {
    for (const char c : text) {
        if (!detail::token_table[static_cast<unsigned char>(c)]) return false;
    }
    return !text.empty();
}

// Control characters but the tab: CR, LF and NUL above all.
[[nodiscard]] inline bool has_control(std::string_view text) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101ULL;
    constexpr std::uint64_t high = 0x8080808080808080ULL;
    const char* at = text.data();
    std::size_t left = text.size();
    for (; left >= 8; at += 8, left -= 8) {  // eight at a time: exact for "any below 0x20" and for "any 0x7F"
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        const std::uint64_t low = (word - ones * 0x20) & ~word & high;
        const std::uint64_t deletion = word ^ (ones * 0x7F);
        if (low == 0 && ((deletion - ones) & ~deletion & high) == 0) continue;
        for (int i = 0; i < 8; ++i) {
            if (detail::is_control(static_cast<unsigned char>(at[i]))) return true;
        }
    }
    for (; left > 0; ++at, --left) {
        if (detail::is_control(static_cast<unsigned char>(*at))) return true;
    }
    return false;
}

// "200 OK": three digits, a blank, a reason (which may be empty).
[[nodiscard]] inline bool is_status(std::string_view text) noexcept {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return text.size() >= 4 && text[0] >= '1' && text[0] <= '9' && is_digit(text[1]) && is_digit(text[2]) &&
           text[3] == ' ';
}

// `lower` is in lower case; names are tokens, where this folding is exact enough.
[[nodiscard]] inline bool is_same_name(std::string_view name, std::string_view lower) noexcept {
    if (name.size() != lower.size()) return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != lower[i]) return false;
    }
    return true;
}

// Headers about this connection, which belongs to the server (RFC 2616 13.5.1, as wsgiref.util.is_hop_by_hop).
[[nodiscard]] inline bool is_hop_by_hop(std::string_view name) noexcept {
    if (name.empty()) return false;
    switch (name[0] | 0x20) {
        case 'c': return is_same_name(name, "connection");
        case 'k': return is_same_name(name, "keep-alive");
        case 'p': return is_same_name(name, "proxy-authenticate") || is_same_name(name, "proxy-authorization");
        case 't':
            return is_same_name(name, "te") || is_same_name(name, "trailer") || is_same_name(name, "trailers") ||
                   is_same_name(name, "transfer-encoding");
        case 'u': return is_same_name(name, "upgrade");
        default: return false;
    }
}

}  // namespace vassal::python
