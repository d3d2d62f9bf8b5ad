// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/acceptor.h"

#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <utility>

#include "common/log/log.h"

namespace emperor::stats {

namespace {
constexpr int burst = 64;  // connections per turn, so that a flood cannot hold the loop
}

struct Acceptor::State : std::enable_shared_from_this<Acceptor::State> {
    boost::asio::posix::stream_descriptor listener;
    boost::asio::steady_timer pause;
    std::function<void(common::UniqueFd)> on_connection;
    bool is_closed = false;

    State(boost::asio::io_context& io, common::UniqueFd fd, std::function<void(common::UniqueFd)> handler)
        : listener(io, fd.release()), pause(io), on_connection(std::move(handler)) {}

    void wait() {
        listener.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                            [self = shared_from_this()](const boost::system::error_code& error) {
                                if (!error && !self->is_closed) self->accept();
                            });
    }

    void accept() {
        for (int taken = 0; taken < burst; ++taken) {
            common::UniqueFd fd(::accept4(listener.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
            if (fd) {
                on_connection(std::move(fd));
                if (is_closed) return;
                continue;
            }
            if (errno == EINTR || errno == ECONNABORTED) continue;
            if (errno == EAGAIN) return wait();
            return rest(errno);
        }
        wait_turn();
    }

    // The readiness may be edge-triggered: after a full burst look again without waiting for a new edge.
    void wait_turn() {
        pause.expires_after(std::chrono::seconds(0));
        resume_after_pause();
    }

    void rest(int number) {
        common::log::warn("accept failed", {{"reason", std::error_code(number, std::system_category()).message()}});
        pause.expires_after(std::chrono::seconds(1));
        resume_after_pause();
    }

    void resume_after_pause() {
        pause.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
            if (!error && !self->is_closed) self->accept();
        });
    }
};

Acceptor::Acceptor(boost::asio::io_context& io, common::UniqueFd listener,
                   std::function<void(common::UniqueFd)> on_connection)
    : state_(std::make_shared<State>(io, std::move(listener), std::move(on_connection))) {
    state_->wait();
}

Acceptor::~Acceptor() {
    state_->is_closed = true;
    boost::system::error_code ignored;
    state_->listener.close(ignored);
    state_->pause.cancel();
}

}  // namespace emperor::stats
