// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/agent.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "common/log/log.h"
#include "emperor/stats/agent_line.h"
#include "emperor/stats/stream.h"

namespace emperor::stats {

namespace asio = boost::asio;

namespace {

constexpr std::size_t max_question = 256;  // bytes; the longest name has 64
constexpr int max_reads = 16;              // of what comes after the question, before the connection is given up

}  // namespace

// From accept to close; owned by its own coroutine.
class Agent::Client {
public:
    Client(asio::io_context& io, common::UniqueFd fd, std::shared_ptr<Shared> shared)
        : stream_(io, std::move(fd)), shared_(std::move(shared)) {}

    asio::awaitable<void> run() {
        stream_.arm(shared_->limits.patience);
        while (!is_agent_name_complete(received_) && received_.size() < max_question) {
            const bool has_more = co_await stream_.read(received_);
            if (!has_more) break;  // silent, or its sending side is closed: what came is the question
        }
        if (!shared_->answer) co_return;
        stream_.arm(shared_->limits.deadline);
        const std::string line = shared_->answer(agent_name_in(received_));
        bool has_more = co_await stream_.write_last(line, {});
        // A close over unread bytes would reset the connection, and the line might be lost with it.
        for (int reads = 0; has_more && reads < max_reads; ++reads) {
            received_.clear();
            has_more = co_await stream_.read(received_);
        }
        stream_.disarm();
    }

    void close() noexcept { stream_.close(); }

private:
    Stream stream_;
    std::shared_ptr<Shared> shared_;
    std::string received_;
};

Agent::Agent(asio::io_context& io, Answer answer, Limits limits)
    : io_(io), shared_(std::make_shared<Shared>(Shared{std::move(answer), limits, {}})) {}

Agent::~Agent() {
    endpoints_.clear();
    shared_->answer = nullptr;
    for (Client* client : shared_->clients) client->close();
    shared_->clients.clear();
}

std::size_t Agent::clients() const noexcept { return shared_->clients.size(); }

void Agent::serve(LocalSocket socket) {
    Endpoint endpoint{std::move(socket), nullptr};
    endpoint.acceptor = std::make_unique<Acceptor>(io_, endpoint.socket.release_fd(),
                                                   [this](common::UniqueFd fd) { on_connection(std::move(fd)); });
    endpoints_.push_back(std::move(endpoint));
}

void Agent::on_connection(common::UniqueFd fd) {
    if (shared_->clients.size() >= shared_->limits.max_clients) return;
    auto client = std::make_shared<Client>(io_, std::move(fd), shared_);
    shared_->clients.insert(client.get());
    // The completion handler owns the client: a coroutine lambda's own captures die too early with g++ 12.
    asio::co_spawn(
        io_, [raw = client.get()] { return raw->run(); },
        [shared = shared_, client](const std::exception_ptr& error) {
            client->close();
            shared->clients.erase(client.get());
            if (error) common::log::error("agent client failed");
        });
}

}  // namespace emperor::stats
