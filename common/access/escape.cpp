// SPDX-License-Identifier: Apache-2.0
#include "common/access/escape.h"

#include <cstdint>
#include <cstring>

#include "common/base/utf8.h"

namespace common::access {
namespace {

constexpr std::uint64_t every(std::uint64_t byte) noexcept { return byte * 0x0101'0101'0101'0101ull; }

// The top bit of each byte that is zero (and perhaps of some above it).
constexpr std::uint64_t zero_bytes(std::uint64_t word) noexcept { return (word - every(1)) & ~word & every(0x80); }

bool is_plain(char c, char first) noexcept { return c >= first && c != '"' && c != '\\' && c != 0x7f; }

// How many bytes from the begin need no second look: printable ASCII without quote and backslash, from `first` on.
std::size_t plain_run(std::string_view text, char first) noexcept {
    std::size_t at = 0;
    const std::uint64_t low = every(static_cast<unsigned char>(first));
    for (; text.size() - at >= 8; at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, 8);
        const std::uint64_t special = (((word - low) & ~word) | word) & every(0x80);
        if ((special | zero_bytes(word ^ every('"')) | zero_bytes(word ^ every('\\')) |
             zero_bytes(word ^ every(0x7f))) != 0)
            break;
    }
    while (at < text.size() && is_plain(text[at], first)) ++at;
    return at;
}

struct Short {
    char bytes[8];
    std::size_t size = 0;
};

Short hex(char c, std::string_view prefix) noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    Short out;
    std::memcpy(out.bytes, prefix.data(), prefix.size());
    const auto byte = static_cast<unsigned char>(c);
    out.bytes[prefix.size()] = digits[byte >> 4];
    out.bytes[prefix.size() + 1] = digits[byte & 15];
    out.size = prefix.size() + 2;
    return out;
}

Short as_is(std::string_view sequence) noexcept {
    Short out;
    std::memcpy(out.bytes, sequence.data(), sequence.size());
    out.size = sequence.size();
    return out;
}

// What stands for the first sequence of `text`; *taken: its size.
Short special(std::string_view text, Escaping how, std::size_t& taken) noexcept {
    const std::size_t length = utf8_length(text);
    taken = length > 1 ? length : 1;
    const std::string_view sequence = text.substr(0, taken);
    if (how == Escaping::json) {
        if (length == 0) return as_is("\xEF\xBF\xBD");
        if (sequence[0] == '"') return as_is("\\\"");
        if (sequence[0] == '\\') return as_is("\\\\");
        return is_control(sequence) ? hex(sequence.back(), "\\u00") : as_is(sequence);
    }
    if (length > 1 && !is_control(sequence)) return as_is(sequence);
    taken = 1;
    return hex(text[0], "\\x");
}

}  // namespace

char* write_escaped(char* to, std::size_t room, std::string_view text, Escaping how, bool& is_cut) noexcept {
    char* const end = to + room;
    const char first = how == Escaping::word ? '!' : ' ';
    while (!text.empty()) {
        const std::size_t run = plain_run(text, first);
        const auto left = static_cast<std::size_t>(end - to);
        const std::size_t fits = run < left ? run : left;
        if (fits > 0) std::memcpy(to, text.data(), fits);
        to += fits;
        if (fits < run) return is_cut = true, to;
        text.remove_prefix(run);
        if (text.empty()) return to;
        std::size_t taken = 1;
        const Short escaped = special(text, how, taken);
        if (escaped.size > static_cast<std::size_t>(end - to)) return is_cut = true, to;
        std::memcpy(to, escaped.bytes, escaped.size);
        to += escaped.size;
        text.remove_prefix(taken);
    }
    return to;
}

}  // namespace common::access
