// SPDX-License-Identifier: Apache-2.0
// The sockets of --agent: HAProxy's agent-check connects, may send an app's name (agent_line.h), reads one line, and the
// connection ends. Owned by the stats server. A client that sends nothing is answered after `patience` too, because
// HAProxy takes silence for a dead server; half of a name is a name then. At most `max_clients` at once, each for half a
// second at most and a few kilobytes; more are closed at once, which HAProxy takes for no news.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.h"
#include "emperor/stats/acceptor.h"
#include "emperor/stats/listen_socket.h"

namespace emperor::stats {

class Agent {
public:
    // The line for a name as it was sent, "" for none. Never called after the Agent is gone.
    using Answer = std::function<std::string(std::string_view name)>;

    struct Limits {
        std::size_t max_clients = 512;
        std::chrono::milliseconds patience{50};
        std::chrono::milliseconds deadline{500};  // of the whole connection, from then on
    };

    Agent(boost::asio::io_context& io, Answer answer, Limits limits);
    ~Agent();
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    void serve(LocalSocket socket);
    [[nodiscard]] std::size_t clients() const noexcept;

private:
    struct Endpoint {
        LocalSocket socket;
        std::unique_ptr<Acceptor> acceptor;
    };
    class Client;
    // Shared with the clients' coroutines, which may run once more after the Agent is gone and then find it closed.
    struct Shared {
        Answer answer;
        Limits limits;
        std::set<Client*> clients;
    };

    void on_connection(common::UniqueFd fd);

    boost::asio::io_context& io_;
    std::shared_ptr<Shared> shared_;
    std::vector<Endpoint> endpoints_;
};

}  // namespace emperor::stats
