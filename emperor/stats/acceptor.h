// SPDX-License-Identifier: Apache-2.0
// Accepts connections on one listening socket and hands each over as a CLOEXEC, non-blocking fd. Owned by a server;
// stops when destroyed. It never answers a client itself, and an exhausted fd table only pauses it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "common/base/unique_fd.h"

namespace emperor::stats {

class Acceptor {
public:
    // `on_connection` runs in the event loop, never after the Acceptor is gone.
    Acceptor(boost::asio::io_context& io, common::UniqueFd listener,
             std::function<void(common::UniqueFd)> on_connection);
    ~Acceptor();
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

private:
    struct State;
    // Shared with the pending wait: its handler may run once after the Acceptor is gone, and then does nothing.
    std::shared_ptr<State> state_;
};

}  // namespace emperor::stats
