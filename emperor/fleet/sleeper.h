// SPDX-License-Identifier: Apache-2.0
// Tells when a client comes to the listeners of a vassal that is asleep. Only looks: the connection stays in the queue,
// for the generation that it wakes. The listeners are in the event loop while somebody sleeps and not a moment longer: the
// loop would else wake for every connection that workers accept. Owned by the vassal's host.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "emperor/fleet/listener_pool.h"

namespace emperor::fleet {

class Sleeper {
public:
    // `on_client` is called once per watch(), from the event loop.
    Sleeper(boost::asio::io_context& io, std::function<void()> on_client)
        : io_(io), on_client_(std::move(on_client)), turn_(std::make_shared<std::uint64_t>(0)) {}
    ~Sleeper() { release(); }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;

    // In place of what was watched before. The set stays open as long as it is watched.
    void watch(const ListenerSet& listeners);
    void release() noexcept;
    [[nodiscard]] bool is_watching(const ListenerSet& listeners) const noexcept {
        return is_watching_ && listeners_ == listeners;
    }

private:
    boost::asio::io_context& io_;
    std::function<void()> on_client_;
    ListenerSet listeners_;
    std::vector<boost::asio::posix::stream_descriptor> waiters_;
    std::shared_ptr<std::uint64_t> turn_;  // second owner: queued handlers, which must notice that they are outdated
    bool is_watching_ = false;
};

}  // namespace emperor::fleet
