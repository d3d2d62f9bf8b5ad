// SPDX-License-Identifier: Apache-2.0
// The stats sockets: stats.sock (the fleet), stats/NAME.sock (one vassal each) and the addresses of --stats; beside them
// those of --agent, for load balancers (agent.h). A client
// connects, gets one JSON document and end of file; one that sends "GET " within 100 ms gets it as an HTTP/1.0 answer.
// Owned by the emperor's wiring; destroy it before the fleet and before the io_context. It never talks to a vassal,
// never blocks the loop, and drops clients that do not read: at most `max_clients` at once, 5 s each; one more takes the
// place of the one that has been there longest.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/net/address.h"
#include "emperor/fleet/fleet_api.h"
#include "emperor/stats/catalogue.h"
#include "emperor/stats/http.h"

namespace boost::asio {
class io_context;
}

namespace emperor::stats {

struct Options {
    std::string runtime_dir;                        // holds stats.sock and stats/
    std::vector<common::net::Address> addresses;    // more places for the fleet document
    std::vector<common::net::Address> agents{};     // where HAProxy's agent-check is answered (agent.h)
    std::optional<gid_t> group;                     // of the sockets (admin_group); default: the emperor's
    std::size_t max_clients = 128;
    std::size_t max_clients_of_vassal = 16;         // on the socket of one
    std::size_t max_documents = 8;                  // of different moments, that are being written
    std::chrono::milliseconds peek{100};            // how long to wait for "GET "
    std::chrono::milliseconds client_deadline{5000};
    std::chrono::milliseconds freshness{100};       // a document is built at most this often
    std::chrono::milliseconds sync_interval{500};   // how often vassals are looked for; sync() does it at once
    bool keeps_series = false;                      // for charts: a dashboard is served
    std::function<common::UniqueFd(const common::net::Address&)> inherited{};  // a socket that is open already; may be empty
};

class Server {
public:
    Server(boost::asio::io_context& io, fleet::FleetApi& fleet, Options options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Opens stats.sock and the addresses; an address that cannot be opened is an error.
    [[nodiscard]] common::Result<void> start();

    // Opens and removes stats/NAME.sock as vassals came and went. Cheap when nothing changed.
    void sync();

    [[nodiscard]] std::size_t clients() const noexcept;

    // The same documents and the dashboard's own, for whoever serves them elsewhere; see Catalogue.
    [[nodiscard]] Answer answer(const Target& target);
    [[nodiscard]] Answer rows(std::uint64_t since);
    [[nodiscard]] Answer series(const std::string& name);
    [[nodiscard]] Answer rates();

private:
    class Impl;
    // Shared with the clients' coroutines, which may run once more after the Server is gone and then find it closed.
    std::shared_ptr<Impl> impl_;
};

}  // namespace emperor::stats
