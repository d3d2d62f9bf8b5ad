// SPDX-License-Identifier: Apache-2.0
// `trusted_proxies`: the addresses and blocks whose X-Forwarded-* headers and PROXY protocol are believed. The word
// "unix" stands for peers on a unix socket. Immutable after parse(); shared by all threads.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace vassal::protocol {

class TrustedProxies {
public:
    // Errors name the entry: "trusted_proxies: '10.0.0.0/33' is not an address or block".
    [[nodiscard]] static common::Result<TrustedProxies> parse(std::span<const std::string> entries);

    [[nodiscard]] bool empty() const noexcept { return blocks_.empty() && !trusts_unix_; }
    // `address` as text; empty: a unix socket.
    [[nodiscard]] bool contains(std::string_view address) const noexcept;
    // The last address of an X-Forwarded-For list that is not itself a trusted proxy; empty: none is usable.
    [[nodiscard]] std::string_view client_of(std::string_view forwarded_for) const noexcept;

private:
    using Bytes = std::array<unsigned char, 16>;  // IPv4 as ::ffff:a.b.c.d
    struct Block {
        Bytes address{};
        int bits = 128;
    };

    [[nodiscard]] static bool parse_address(std::string_view text, Bytes& bytes) noexcept;
    [[nodiscard]] bool matches(const Bytes& bytes) const noexcept;

    std::vector<Block> blocks_;
    bool trusts_unix_ = false;
};

}  // namespace vassal::protocol
