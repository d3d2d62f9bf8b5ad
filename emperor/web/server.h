// SPDX-License-Identifier: Apache-2.0
// The dashboard's HTTP server (--http): the page, its API over the documents of emperor/stats and the operations of
// emperor/control, server-sent events, health for load balancers. Owned by the emperor's wiring; destroy it before the
// control and stats servers and the fleet. It never blocks the loop: connections, heads, bodies, waiting bytes and times are
// bounded, and who does not read is dropped. docs/dashboard.md has the paths.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/net/address.h"
#include "emperor/web/gate.h"
#include "emperor/web/wrong_tokens.h"

namespace boost::asio {
class io_context;
}
namespace emperor::control {
class Server;
}
namespace emperor::stats {
class Server;
}
namespace emperor::fleet {
class FleetApi;
}

namespace emperor::web {

struct Limits {
    std::size_t connections = 256;
    std::size_t streams = 64;                       // of these; each holds a connection
    std::size_t head_size = 16 * 1024;              // bytes; over: 431
    std::size_t body_size = 16 * 1024;              // over: 413
    std::size_t stream_size = 1u << 20;             // bytes that wait for one stream's reader
    std::size_t answers_size = 64u << 20;           // bytes of large answers on their way, all connections together
    std::chrono::milliseconds request{10'000};      // for a whole request to arrive
    std::chrono::milliseconds idle{60'000};         // between requests of one connection
    std::chrono::milliseconds write{10'000};        // for an answer, or 64 KiB of an event, to be taken
    std::chrono::milliseconds operation{300'000};   // for the outcome of an operation
    std::chrono::milliseconds grace{1'000};         // for a connection without a request, when a newer one wants its place
    std::chrono::milliseconds tick{1'000};          // between two documents of a stream
    std::chrono::milliseconds heartbeat{15'000};
    Slowness wrong_token{};
};

struct Options {
    common::net::Address address;
    Policy policy;
    Limits limits;
    std::function<bool()> is_ready;  // the first scan is over
    std::function<common::UniqueFd(const common::net::Address&)> inherited{};  // a socket that is open already; may be empty
};

class Server {
public:
    Server(boost::asio::io_context& io, fleet::FleetApi& fleet, control::Server& control, stats::Server& stats, Options options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Opens the address. One that is not local is an error where there is no token.
    [[nodiscard]] common::Result<void> start();

    // From now on; streams that somebody else's token opened are closed.
    void use_token(const std::string& token);

    [[nodiscard]] std::size_t connections() const noexcept;
    [[nodiscard]] std::size_t streams() const noexcept;

private:
    class Impl;
    // Shared with the connections' coroutines, which may run once more after the Server is gone and then find it closed.
    std::shared_ptr<Impl> impl_;
};

}  // namespace emperor::web
