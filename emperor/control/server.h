// SPDX-License-Identifier: Apache-2.0
// The control socket: operators' and emperorctl's way to the fleet, one JSON object per line (docs: DESIGN section 6).
// Owned by the emperor's wiring; destroy it before the fleet and before the io_context. It authorises by peer
// credentials (hence the open mode 0666), never blocks the loop and never trusts what a client says about itself.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/net/address.h"
#include "emperor/control/upgrader.h"
#include "emperor/fleet/fleet_api.h"

namespace boost::asio {
class io_context;
}

namespace emperor::control {

class Conversation;

struct Limits {
    std::size_t sessions = 64;
    std::size_t sessions_of_a_user = 8;          // who is no operator
    std::size_t operations = 32;                 // of one session, outcomes and log streams it waits for
    std::size_t output_size = 1u << 20;          // bytes of one session that its client has not read
    std::chrono::milliseconds write{10'000};     // for one line to be taken
    std::chrono::milliseconds idle{60'000};      // without a request, an operation or a stream
};

struct Options {
    std::string path;                                      // RUNTIME_DIR/control.sock
    std::optional<common::net::Address> extra;             // --control; unix only: TCP has no peer credentials
    std::string admin_group;                               // its members may do everything; empty: nobody more
    mode_t mode = 0666;
    Limits limits;
    std::function<common::UniqueFd(const common::net::Address&)> inherited{};  // a socket that is open already; may be empty
};

class Server {
public:
    Server(boost::asio::io_context& io, fleet::FleetApi& fleet, Options options, Upgrader upgrade);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Opens the socket. An admin_group that does not exist is an error.
    [[nodiscard]] common::Result<void> start();

    [[nodiscard]] std::size_t sessions() const noexcept;

    // The fleet has looked at its directories: requests that came before, and wait since, are answered. Until then an app
    // that nobody has adopted yet would be called unknown.
    void fleet_is_known();

    // A request of somebody that the emperor knows otherwise (the dashboard): as the emperor's own user, under `name`.
    // Not before start(). The answers go to the conversation.
    void ask(std::string_view line, const std::string& name, const std::shared_ptr<Conversation>& conversation);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace emperor::control
