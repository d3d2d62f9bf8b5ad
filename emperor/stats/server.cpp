// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <map>
#include <set>
#include <utility>

#include "common/config/decode.h"
#include "common/log/log.h"
#include "emperor/stats/acceptor.h"
#include "emperor/stats/agent.h"
#include "emperor/stats/catalogue.h"
#include "emperor/stats/client.h"
#include "emperor/stats/listen_socket.h"
#include "emperor/stats/queue_watch.h"

namespace emperor::stats {

namespace asio = boost::asio;
using common::net::Address;

namespace {

// A listening socket and the loop's interest in it.
struct Endpoint {
    LocalSocket socket;
    std::unique_ptr<Acceptor> acceptor;
};

constexpr std::size_t small_document = 64 * 1024;

// Who is being answered; owned by its own coroutine.
struct Guest {
    Client* client;
    std::string vassal;  // whose socket it came to; empty: the fleet's
    std::uint64_t id = 0;
    Document document{};  // that is being written to it; null: none, or a small one
};

Address unix_address(std::string path) {
    Address address;
    address.path = std::move(path);
    return address;
}

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
public:
    Impl(asio::io_context& io, fleet::FleetApi& fleet, Options options)
        : io_(io),
          fleet_(&fleet),
          options_(std::move(options)),
          timer_(io),
          catalogue_(fleet, options_.freshness),
          queue_watch_(fleet) {}

    common::Result<void> start();
    void sync();
    void close();
    std::size_t clients() const noexcept { return guests_.size(); }
    Catalogue& catalogue() noexcept { return catalogue_; }

private:
    common::Result<LocalSocket> listen(const Address& address, const SocketAccess& access) const;
    common::Result<Endpoint> open(const Address& address, const SocketAccess& access, std::string vassal);
    common::Result<void> open_agents();
    void open_vassal(const std::string& name);
    void tick();
    void on_connection(common::UniqueFd fd, const std::string& vassal);
    void make_room(const std::string& vassal);
    void write_to(std::uint64_t id, const Document& document);
    void forget(const Client* client);

    asio::io_context& io_;
    fleet::FleetApi* fleet_;  // null once the server is closed
    Options options_;
    asio::steady_timer timer_;
    Catalogue catalogue_;
    QueueWatch queue_watch_;
    common::TimePoint next_interval_{};  // of the catalogue's windows
    std::vector<Endpoint> fleet_endpoints_;
    std::optional<Agent> agent_;
    std::map<std::string, Endpoint> vassal_endpoints_;
    std::optional<std::uint64_t> synced_;  // the fleet's names_version() that the endpoints agree with
    std::set<std::string> refused_;  // could not be opened: said once, tried again at every sync
    std::vector<Guest> guests_;  // as they came
    std::uint64_t last_guest_ = 0;
};

common::Result<void> Server::Impl::start() {
    const std::string folder = options_.runtime_dir + "/stats";
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return common::system_error("create " + folder);
    std::vector<Address> addresses = options_.addresses;
    addresses.insert(addresses.begin(), unix_address(options_.runtime_dir + "/stats.sock"));
    for (const Address& address : addresses) {
        common::Result<Endpoint> endpoint = open(address, {.mode = 0660, .owner = {}, .group = options_.group}, "");
        if (!endpoint) return endpoint.error();
        fleet_endpoints_.push_back(std::move(*endpoint));
    }
    if (const auto opened = open_agents(); !opened) return opened;
    tick();
    return {};
}

common::Result<void> Server::Impl::open_agents() {
    if (options_.agents.empty()) return {};
    agent_.emplace(io_, [this](std::string_view name) { return catalogue_.agent_answer(name); }, Agent::Limits{});
    for (const Address& address : options_.agents) {
        common::Result<LocalSocket> socket = listen(address, {.mode = 0660, .owner = {}, .group = options_.group});
        if (!socket) return socket.error();
        agent_->serve(std::move(*socket));
    }
    return {};
}

common::Result<LocalSocket> Server::Impl::listen(const Address& address, const SocketAccess& access) const {
    common::UniqueFd inherited = options_.inherited ? options_.inherited(address) : common::UniqueFd();
    return inherited ? common::Result<LocalSocket>(LocalSocket::adopt(std::move(inherited)))
                     : LocalSocket::listen(address, access);
}

common::Result<Endpoint> Server::Impl::open(const Address& address, const SocketAccess& access, std::string vassal) {
    common::Result<LocalSocket> socket = listen(address, access);
    if (!socket) return socket.error();
    Endpoint endpoint{std::move(*socket), nullptr};
    endpoint.acceptor = std::make_unique<Acceptor>(
        io_, endpoint.socket.release_fd(),
        [this, vassal = std::move(vassal)](common::UniqueFd fd) { on_connection(std::move(fd), vassal); });
    return endpoint;
}

void Server::Impl::tick() {
    sync();
    catalogue_.sample();
    if (const common::TimePoint now = common::Clock::now(); now >= next_interval_) {
        // After a pause (a suspended machine) one interval is long; none is made up.
        next_interval_ = std::max(next_interval_, now - LatencyHistory::interval / 2) + LatencyHistory::interval;
        fleet_->each_board([this](const std::string& name, const common::scoreboard::Board& board) {
            catalogue_.tick(name, board);
        });
        if (options_.keeps_series) catalogue_.record();
        queue_watch_.look_for_busy();
    }
    queue_watch_.look(std::chrono::duration_cast<std::chrono::microseconds>(common::Clock::now().time_since_epoch()).count(),
                      common::Clock::now());
    timer_.expires_after(options_.sync_interval);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
        if (!error && self->fleet_) self->tick();
    });
}

void Server::Impl::sync() {
    if (!fleet_) return;
    const std::uint64_t version = fleet_->names_version();
    if (synced_ == version && refused_.empty()) return;
    synced_ = version;
    const std::vector<std::string> names = fleet_->names();
    const auto is_gone = [&](const auto& entry) { return !std::binary_search(names.begin(), names.end(), entry.first); };
    std::erase_if(vassal_endpoints_, is_gone);
    catalogue_.keep(names);
    queue_watch_.keep(names);
    std::erase_if(refused_, [&](const std::string& name) { return !std::binary_search(names.begin(), names.end(), name); });
    for (const std::string& name : names)
        if (!vassal_endpoints_.contains(name)) open_vassal(name);
}

void Server::Impl::open_vassal(const std::string& name) {
    if (!common::config::is_valid_name(name)) return;  // an invalid file is on show, but has no socket
    const std::optional<fleet::VassalView> view = fleet_->glance(name);
    SocketAccess access{.mode = 0660, .owner = {}, .group = options_.group};
    if (::geteuid() == 0 && view && view->identity) access.owner = view->identity->uid;  // a tenant reads its own
    common::Result<Endpoint> endpoint =
        open(unix_address(options_.runtime_dir + "/stats/" + name + ".sock"), access, name);
    if (endpoint) {
        vassal_endpoints_.emplace(name, std::move(*endpoint));
        refused_.erase(name);
    } else if (refused_.insert(name).second) {
        common::log::warn("stats socket failed", {{"vassal", name}, {"reason", endpoint.error().message()}});
    }
}

// Whoever just sits there has sat there longest: a client that asks gets its answer beside any number of those. And an app's
// socket, which belongs to a tenant, holds few places, so that its clients displace nobody else's.
void Server::Impl::make_room(const std::string& vassal) {
    std::map<std::string_view, std::size_t> number;
    for (const Guest& guest : guests_) ++number[guest.vassal];
    const auto more = [](const auto& one, const auto& other) { return one.second < other.second; };
    std::string_view whose = vassal;
    if (vassal.empty() || number[vassal] < options_.max_clients_of_vassal) {
        if (guests_.size() < options_.max_clients) return;
        whose = std::ranges::max_element(number, more)->first;
    }
    const auto oldest = std::ranges::find(guests_, whose, &Guest::vassal);
    if (oldest == guests_.end()) return;
    oldest->client->close();
    guests_.erase(oldest);
}

// Those that do not read hold the documents of different moments, each some megabytes with a thousand vassals. What is small is
// with the kernel at once.
void Server::Impl::write_to(std::uint64_t id, const Document& document) {
    const auto own = std::ranges::find(guests_, id, &Guest::id);
    if (own == guests_.end() || !document || document->size() <= small_document) return;
    own->document = document;
    const auto is_older = [&](const Guest& guest) { return guest.document && guest.document != document; };
    std::set<const std::string*> older;
    for (const Guest& guest : guests_)
        if (is_older(guest)) older.insert(guest.document.get());
    for (std::size_t held = older.size() + 1; held > options_.max_documents; --held) {
        const Document oldest = std::ranges::find_if(guests_, is_older)->document;
        for (const Guest& guest : guests_)
            if (guest.document == oldest) guest.client->close();
        std::erase_if(guests_, [&](const Guest& guest) { return guest.document == oldest; });
    }
}

void Server::Impl::forget(const Client* client) {
    std::erase_if(guests_, [client](const Guest& guest) { return guest.client == client; });
}

void Server::Impl::on_connection(common::UniqueFd fd, const std::string& vassal) {
    make_room(vassal);
    const std::uint64_t id = ++last_guest_;
    auto client = std::make_shared<Client>(io_, std::move(fd), options_, [this, vassal, id](const Target& target) {
        Answer answer = fleet_ ? catalogue_.answer(vassal, target) : Answer{};
        write_to(id, answer.body);
        return answer;
    });
    guests_.push_back({client.get(), vassal, id});
    // The completion handler owns the client: a coroutine lambda's own captures die too early with g++ 12.
    asio::co_spawn(
        io_, [raw = client.get()] { return raw->run(); },
        [self = shared_from_this(), client](const std::exception_ptr& error) {
            client->close();
            self->forget(client.get());
            if (error) common::log::error("stats client failed");
        });
}

void Server::Impl::close() {
    fleet_ = nullptr;
    timer_.cancel();
    agent_.reset();
    fleet_endpoints_.clear();
    vassal_endpoints_.clear();
    for (const Guest& guest : guests_) guest.client->close();
    guests_.clear();
}

Server::Server(asio::io_context& io, fleet::FleetApi& fleet, Options options)
    : impl_(std::make_shared<Impl>(io, fleet, std::move(options))) {}

Server::~Server() { impl_->close(); }

common::Result<void> Server::start() { return impl_->start(); }
Answer Server::answer(const Target& target) { return impl_->catalogue().answer("", target); }
Answer Server::rows(std::uint64_t since) { return impl_->catalogue().rows(since); }
Answer Server::series(const std::string& name) { return impl_->catalogue().series(name); }
Answer Server::rates() { return impl_->catalogue().rates(); }
void Server::sync() { impl_->sync(); }
std::size_t Server::clients() const noexcept { return impl_->clients(); }

}  // namespace emperor::stats
