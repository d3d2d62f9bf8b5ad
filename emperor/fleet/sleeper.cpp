// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/sleeper.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "common/base/readable.h"
#include "common/log/log.h"

namespace emperor::fleet {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

void Sleeper::watch(const ListenerSet& listeners) {
    release();
    is_watching_ = true;
    listeners_ = listeners;
    const auto is_current = [turn = turn_, mine = *turn_] { return *turn == mine; };
    const auto wake = [this, is_current] {
        if (!is_current()) return;
        release();
        on_client_();
    };
    const auto on_readable = [this, is_current, wake](const error_code& error) {
        if (error || !is_current()) return;
        const bool has_client = std::ranges::any_of(
            listeners_, [](const ListenerPtr& listener) { return common::is_readable(listener->fd()); });
        return has_client ? wake() : watch(ListenerSet(listeners_));
    };
    waiters_.reserve(listeners_.size());
    for (const ListenerPtr& listener : listeners_) {
        stream_descriptor waiter(io_);
        error_code error;
        waiter.assign(listener->fd(), error);
        if (error) {
            // Better awake for nothing than deaf.
            common::log::warn("listener not watched", {{"address", listener->address().text()}, {"reason", error.message()}});
            boost::asio::post(io_, wake);
            return;
        }
        waiters_.push_back(std::move(waiter));
        waiters_.back().async_wait(stream_descriptor::wait_read, on_readable);
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
