// SPDX-License-Identifier: Apache-2.0
// Where a vassal listens: PROTO:ADDRESS, PROTO in uwsgi http fastcgi scgi, ADDRESS in /path.sock, @abstract,
// host:port, [::1]:port, :port. Values only; nothing here opens a socket.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace common::net {

enum class Protocol { uwsgi, http, fastcgi, scgi };

[[nodiscard]] std::string_view name_of(Protocol protocol) noexcept;

struct Address {
    enum class Kind { unix_path, unix_abstract, tcp };

    Kind kind = Kind::unix_path;
    std::string path;        // unix_path: absolute path; unix_abstract: the name without '@'
    std::string host;        // tcp: numeric or resolvable host without brackets; empty = every interface
    std::uint16_t port = 0;  // tcp; 0 = chosen by the kernel (stand-alone vassal and tests)

    friend bool operator==(const Address&, const Address&) = default;
    [[nodiscard]] std::string text() const;  // /run/x.sock, @name, 127.0.0.1:80, [::1]:80, :80
};

struct ListenAddress {
    Protocol protocol = Protocol::uwsgi;
    Address address;

    friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
    [[nodiscard]] std::string text() const;  // uwsgi:/run/x.sock
};

// Errors say which part is wrong. A relative unix path is an error. Path length is not judged here: the emperor
// binds long paths through a directory fd.
[[nodiscard]] Result<Address> parse_address(std::string_view text);
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace common::net
