// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/server.h"

#include <boost/asio/co_spawn.hpp>
#include <set>
#include <utility>

#include "common/log/log.h"
#include "emperor/stats/acceptor.h"
#include "emperor/stats/listen_socket.h"
#include "emperor/web/connection.h"

namespace emperor::web {

namespace asio = boost::asio;

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
public:
    Impl(asio::io_context& io, fleet::FleetApi& fleet, control::Server& control, stats::Server& stats, Options options)
        : io_(io), options_(std::move(options)), api_(fleet, control, stats, options_.is_ready),
          hub_(io, options_.limits.tick, [&stats](std::uint64_t since) { return stats.rows(since); }),
          wrong_tokens_(io, options_.limits.wrong_token), desk_{api_, hub_, wrong_tokens_, options_.policy, options_.limits} {}

    common::Result<void> start();
    void use_token(const std::string& token);
    void close();
    std::size_t connections() const noexcept { return connections_.size(); }
    std::size_t streams() const noexcept { return desk_.streams; }

private:
    void on_connection(common::UniqueFd fd);
    [[nodiscard]] bool make_room();

    asio::io_context& io_;
    Options options_;
    Api api_;
    Hub hub_;
    WrongTokens wrong_tokens_;
    Desk desk_;
    stats::LocalSocket socket_;
    std::unique_ptr<stats::Acceptor> acceptor_;
    std::set<Connection*> connections_;
};

common::Result<void> Server::Impl::start() {
    const common::net::Address& address = options_.address;
    if (!is_local(address)) {
        if (options_.policy.token.empty())
            return common::failure("--http " + address.text() + " is no loopback address: it needs --http-token-file");
        options_.policy.reads_need_token = true;
    }
    common::UniqueFd inherited = options_.inherited ? options_.inherited(address) : common::UniqueFd();
    common::Result<stats::LocalSocket> socket =
        inherited ? common::Result<stats::LocalSocket>(stats::LocalSocket::adopt(std::move(inherited)))
                  : stats::LocalSocket::listen(address, {.mode = 0660, .owner = {}, .group = {}});
    if (!socket) return socket.error();
    socket_ = std::move(*socket);
    acceptor_ = std::make_unique<stats::Acceptor>(io_, socket_.release_fd(),
                                                  [this](common::UniqueFd fd) { on_connection(std::move(fd)); });
    common::log::info("dashboard", {{"address", address.text()},
                                    {"actions", options_.policy.token.empty() ? "none: no token" : "with the token"}});
    return {};
}

void Server::Impl::on_connection(common::UniqueFd fd) {
    if (connections_.size() >= options_.limits.connections && !make_room()) return;  // closed: the client sees end of file
    auto connection = std::make_shared<Connection>(io_, std::move(fd), desk_);
    connections_.insert(connection.get());
    // The completion handler owns the connection: a coroutine lambda's own captures die too early with g++ 12.
    asio::co_spawn(
        io_, [raw = connection.get()] { return raw->run(); },
        [self = shared_from_this(), connection](const std::exception_ptr& error) {
            connection->close();
            self->connections_.erase(connection.get());
            if (error) common::log::error("dashboard client failed");
        });
}

// Whoever waits longest without a request gives its place: otherwise a few hundred that say nothing would keep /livez from
// being answered.
bool Server::Impl::make_room() {
    Connection* quietest = nullptr;
    for (Connection* one : connections_)
        if (one->quiet_since() && (!quietest || *one->quiet_since() < *quietest->quiet_since())) quietest = one;
    if (!quietest || common::Clock::now() - *quietest->quiet_since() < options_.limits.grace) return false;
    connections_.erase(quietest);
    quietest->close();
    return true;
}

void Server::Impl::use_token(const std::string& token) {
    if (token == options_.policy.token) return;
    options_.policy.token = token;
    common::log::info("dashboard token changed");
    if (!options_.policy.reads_need_token) return;
    for (Connection* connection : connections_) connection->end_stream();
}

void Server::Impl::close() {
    acceptor_.reset();
    socket_.close();
    hub_.close();
    for (Connection* connection : connections_) connection->close();
    connections_.clear();
}

Server::Server(asio::io_context& io, fleet::FleetApi& fleet, control::Server& control, stats::Server& stats, Options options)
    : impl_(std::make_shared<Impl>(io, fleet, control, stats, std::move(options))) {}

Server::~Server() { impl_->close(); }

common::Result<void> Server::start() { return impl_->start(); }
void Server::use_token(const std::string& token) { impl_->use_token(token); }
std::size_t Server::connections() const noexcept { return impl_->connections(); }
std::size_t Server::streams() const noexcept { return impl_->streams(); }

}  // namespace emperor::web
