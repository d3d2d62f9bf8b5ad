// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/sleeper.h"

#include <boost/asio/post.hpp>

#include "common/log/log.h"

namespace emperor::fleet {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

void Sleeper::watch(const ListenerSet& listeners) {
    release();
    is_watching_ = true;
    listeners_ = listeners;
    const auto on_client = [this, turn = turn_, mine = *turn_](const error_code& error) {
        if (error || *turn != mine) return;
        release();
        on_client_();
    };
    waiters_.reserve(listeners_.size());
    for (const ListenerPtr& listener : listeners_) {
        stream_descriptor waiter(io_);
        error_code error;
        waiter.assign(listener->fd(), error);
        if (error) {
            // Better awake for nothing than deaf.
            common::log::warn("listener not watched", {{"address", listener->address().text()}, {"reason", error.message()}});
            boost::asio::post(io_, [on_client] { on_client({}); });
            return;
        }
        waiters_.push_back(std::move(waiter));
        waiters_.back().async_wait(stream_descriptor::wait_read, on_client);
    }
}

void Sleeper::release() noexcept {
    ++*turn_;
    is_watching_ = false;
    // Not close(): the descriptor is the listener's, and Asio would leave it in its epoll set, where copies of it keep it.
    for (stream_descriptor& waiter : waiters_) static_cast<void>(waiter.release());
    waiters_.clear();
    listeners_.clear();
}

}  // namespace emperor::fleet
