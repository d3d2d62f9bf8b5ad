// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/agent.h"

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "common/log/log.h"
#include "emperor/process/timer.h"
#include "emperor/stats/agent_line.h"
#include "emperor/stats/stream.h"

namespace emperor::stats {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t max_question = 256;  // bytes; the longest name has 64
constexpr int max_reads = 16;              // of what comes after the question, before the connection is given up

}  // namespace

// From accept to close; owned by its own coroutine.
class Agent::Client {
public:
    Client(asio::io_context& io, common::UniqueFd fd, std::shared_ptr<Shared> shared)
        : socket_(stream_of(io, std::move(fd))), timer_(io), shared_(std::move(shared)) {}

    asio::awaitable<void> run() {
        arm(shared_->limits.patience);
        while (!is_agent_name_complete(received_) && received_.size() < max_question) {
            const bool has_more = co_await read_more();
            if (!has_more) break;  // silent, or its sending side is closed: what came is the question
        }
        if (!shared_->answer) co_return;
        arm(shared_->limits.deadline);
        const std::string line = shared_->answer(agent_name_in(received_));
        error_code error;
        co_await asio::async_write(socket_, asio::buffer(line), asio::redirect_error(asio::use_awaitable, error));
        if (!error) socket_.shutdown(asio::socket_base::shutdown_send, error);
        // A close over unread bytes would reset the connection, and the line might be lost with it.
        for (int reads = 0; !error && reads < max_reads; ++reads) {
            const bool has_more = co_await read_more();
            if (!has_more) break;
        }
        timer_.disarm();
    }

    void close() noexcept {
        timer_.disarm();
        error_code ignored;
        socket_.close(ignored);
    }

private:
    asio::awaitable<bool> read_more() {
        std::array<char, max_question> chunk;
        error_code error;
        const std::size_t size =
            co_await socket_.async_read_some(asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, error));
        if (received_.size() < max_question) received_.append(chunk.data(), size);
        co_return !error;
    }

    // When the deadline passes, the operation under way is cancelled.
    void arm(std::chrono::milliseconds deadline) {
        timer_.arm_after(deadline, [this] {
            error_code ignored;
            socket_.cancel(ignored);
        });
    }

    StreamSocket socket_;
    process::Timer timer_;
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
