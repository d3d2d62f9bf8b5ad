// SPDX-License-Identifier: Apache-2.0
// What the codecs of this room share: limits, facts about the connection, and the decoded head of a request.
// Codecs are pure: spans in, views and numbers out; no socket, no clock, no heap in the steady state. A Head belongs to
// one thread and is used again for every request; its views point into the connection's buffer and its own arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vassal/protocol/param_set.h"

namespace vassal::protocol {

class TrustedProxies;

struct Limits {
    std::size_t header_size = 64 * 1024;
    std::size_t headers = 256;
    std::uint64_t body = 1024ull << 20;
    std::uint32_t connections = 1024;  // what FastCGI is told on request
};

// What a request does not say itself.
struct Facts {
    std::string_view server_name;  // never empty
    std::string_view server_port;
    std::string_view mount;        // "" or "/prefix"
    std::string_view remote_addr;  // HTTP: the peer; empty on a unix socket
    std::string_view remote_port;
    const TrustedProxies* trusted = nullptr;  // null: nobody
    bool is_https = false;                    // HTTP: the client's connection to the proxy is encrypted
};

struct Head {
    ParamSet params;
    std::string_view method;
    std::string_view uri;         // as the client wrote it, for request lines
    std::string_view url_scheme;  // "http" or "https"
    std::string_view request_id;  // X-Request-ID of a front end that is trusted; empty: none that is usable
    std::int64_t request_start_us = 0;  // X-Request-Start of a front end that is trusted, since the epoch; 0: none
    std::string_view path;        // PATH_INFO as it came, with the mount in it
    bool has_script_name = false;  // the front end has set SCRIPT_NAME: `path` is what is behind it
    std::uint64_t content_length = 0;
    bool is_chunked = false;  // the size of the body is known when it has ended
    bool is_http11 = false;
    bool keep_alive = false;
    bool expects_continue = false;

    void clear() noexcept;
};

enum class Outcome {
    need_more,  // nothing is wrong so far
    complete,   // `consumed` bytes are the head; the body follows
    bad,        // answer `status`, then close
    ping,       // uwsgi modifier 100: answer ping_reply, then close
    skip,       // FastCGI: `consumed` bytes are dealt with; go on with what follows
    farewell,   // FastCGI: send the replies, then close
};

struct Decoded {
    Outcome outcome = Outcome::need_more;
    int status = 0;
    std::size_t consumed = 0;
    std::size_t wanted = 0;  // need_more: size of the whole head where it is known, else 0
};

[[nodiscard]] constexpr Decoded bad(int status) noexcept { return {.outcome = Outcome::bad, .status = status}; }

}  // namespace vassal::protocol
