// SPDX-License-Identifier: Apache-2.0
// Sources: HAProxy's doc/proxy-protocol.txt, 2.1 (version 1), 2.2 (version 2, TLVs).
#include "vassal/protocol/proxy_protocol.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace vassal::protocol {
namespace {

constexpr std::string_view line_prefix = "PROXY ";
constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t fixed_size = 16;  // signature, version and command, family, length

constexpr Decoded accepted(std::size_t size) noexcept { return {.outcome = Outcome::complete, .consumed = size}; }

// ---- version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n"

// Up to the next single space. Empty: there is none, or two.
std::string_view next_word(std::string_view& rest) noexcept {
    const std::size_t space = rest.find(' ');
    const std::string_view word = rest.substr(0, space);
    rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
    return word;
}

bool read_port(std::string_view text, std::uint16_t& port) noexcept {
    if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc() && end == text.data() + text.size();
}

bool read_address(int family, std::string_view text, std::array<char, 16>& address) noexcept {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return false;
    std::ranges::copy(text, terminated.begin());
    return ::inet_pton(family, terminated.data(), address.data()) == 1;
}

// The line behind "PROXY ", without CRLF.
bool read_line(std::string_view line, ProxyHeader& header) noexcept {
    const std::string_view kind = next_word(line);
    if (kind == "UNKNOWN") return true;  // what follows is to be ignored
    if (kind != "TCP4" && kind != "TCP6") return false;
    const int family = kind == "TCP4" ? AF_INET : AF_INET6;
    std::array<char, 16> client{}, server{};
    std::uint16_t client_port = 0, server_port = 0;
    if (!read_address(family, next_word(line), client) || !read_address(family, next_word(line), server)) return false;
    if (!read_port(next_word(line), client_port) || line.empty() || !read_port(line, server_port)) return false;
    header.has_client = true;
    header.client.set(family, client.data(), client_port);
    header.server.set(family, server.data(), server_port);
    return true;
}

Decoded decode_line(std::string_view buffer, ProxyHeader& header) noexcept {
    const std::string_view text = buffer.substr(0, max_proxy_line);
    const std::size_t end = text.find_first_of("\r\n");
    if (end == std::string_view::npos) return text.size() < max_proxy_line ? Decoded{} : bad(400);
    if (text[end] != '\r') return bad(400);
    if (end + 1 == text.size()) return text.size() < max_proxy_line ? Decoded{} : bad(400);
    if (text[end + 1] != '\n') return bad(400);
    return read_line(text.substr(line_prefix.size(), end - line_prefix.size()), header) ? accepted(end + 2) : bad(400);
}

// ---- version 2

enum Command : unsigned { local = 0, proxied = 1 };
enum Family : unsigned { unspecified = 0, ip4 = 1, ip6 = 2, unix_socket = 3 };
enum Tlv : unsigned char { checksum = 0x03, ssl = 0x20 };
constexpr unsigned char client_used_ssl = 0x01;
constexpr std::size_t checksum_size = 4;

unsigned byte_at(std::string_view bytes, std::size_t at) noexcept { return static_cast<unsigned char>(bytes[at]); }
std::uint16_t number_at(std::string_view bytes, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

constexpr std::array<std::uint32_t, 256> make_crc32c_table() noexcept {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0x82F6'3B78u : 0u);
        table[i] = value;
    }
    return table;
}

// Of all bytes, those of the checksum (at `hole`) as zeros.
std::uint32_t crc32c_but(std::string_view bytes, std::size_t hole) noexcept {
    static constexpr auto table = make_crc32c_table();
    std::uint32_t crc = 0xFFFF'FFFFu;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const unsigned byte = i >= hole && i < hole + checksum_size ? 0 : byte_at(bytes, i);
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xff];
    }
    return ~crc;
}

// `whole` is the header; its TLVs begin at `at`.
bool read_tlvs(std::string_view whole, std::size_t at, ProxyHeader& header) noexcept {
    bool is_checked = false;
    while (at < whole.size()) {
        if (whole.size() - at < 3) return false;
        const unsigned type = byte_at(whole, at);
        const std::size_t size = number_at(whole, at + 1);
        at += 3;
        if (size > whole.size() - at) return false;
        if (type == Tlv::checksum) {
            if (size != checksum_size || is_checked) return false;
            is_checked = true;
            const std::uint32_t said = std::uint32_t{number_at(whole, at)} << 16 | number_at(whole, at + 2);
            if (said != crc32c_but(whole, at)) return false;
        } else if (type == Tlv::ssl) {
            if (size < 5) return false;  // what the client did, and how its certificate was verified
            header.is_https = (byte_at(whole, at) & client_used_ssl) != 0;
        }
        at += size;
    }
    return true;
}

bool read_binary(std::string_view whole, ProxyHeader& header) noexcept {
    const unsigned command = byte_at(whole, 12) & 0xf, family = byte_at(whole, 13) >> 4;
    const unsigned transport = byte_at(whole, 13) & 0xf;
    if (command != local && command != proxied) return false;
    if (family > unix_socket || transport > 2) return false;
    // Without a family nobody can say where the TLVs begin.
    if (command == local || family == unspecified) return true;
    const std::size_t address_size = family == ip4 ? 4 : family == ip6 ? 16 : 108;
    const std::size_t ports = fixed_size + 2 * address_size;
    const std::size_t tlvs = ports + (family == unix_socket ? 0 : 4);
    if (whole.size() < tlvs) return false;
    header.has_client = true;
    if (family != unix_socket) {
        const int af = family == ip4 ? AF_INET : AF_INET6;
        header.client.set(af, whole.data() + fixed_size, number_at(whole, ports));
        header.server.set(af, whole.data() + fixed_size + address_size, number_at(whole, ports + 2));
    }
    return read_tlvs(whole, tlvs, header);
}

Decoded decode_binary(std::string_view buffer, ProxyHeader& header) noexcept {
    if (buffer.size() > 12 && byte_at(buffer, 12) >> 4 != 2) return bad(400);
    if (buffer.size() < fixed_size) return {.wanted = fixed_size};
    const std::size_t size = fixed_size + number_at(buffer, 14);
    if (size > max_proxy_header) return bad(400);
    if (buffer.size() < size) return {.wanted = size};
    return read_binary(buffer.substr(0, size), header) ? accepted(size) : bad(400);
}

bool may_become(std::string_view buffer, std::string_view beginning) noexcept {
    return buffer.starts_with(beginning.substr(0, buffer.size()));
}

}  // namespace

Decoded decode_proxy_header(std::string_view buffer, ProxyHeader& header) noexcept {
    header = {};
    if (buffer.starts_with(line_prefix)) return decode_line(buffer, header);
    if (buffer.starts_with(signature)) return decode_binary(buffer, header);
    if (may_become(buffer, line_prefix) || may_become(buffer, signature)) return {};
    return accepted(0);
}

}  // namespace vassal::protocol
