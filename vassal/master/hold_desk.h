// SPDX-License-Identifier: Apache-2.0
// Answers clients where no worker can: 503 with Retry-After, in their protocol, and the connection ends. A thin acceptor
// that decodes nothing: the first bytes of a connection tell how to answer, the rest is read and thrown away, because a
// connection closed over unread bytes is reset and its answer lost. Bounded: connections, time and bytes of each.
//
// The listeners are wrapped in Asio only while it is open: an idle acceptor of its own would wake it for every connection
// that workers accept. close() stops accepting at once; what was accepted is still answered, then `on_empty` is called.
// Owned by the master, which is one of a living generation or a hold process (master_hold.cpp).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "vassal/master/generation.h"

namespace vassal::master {

class HoldDesk {
public:
    static constexpr std::size_t most_connections = 256;  // more wait in the queue
    static constexpr auto patience = std::chrono::seconds(5);  // for the first bytes
    static constexpr auto linger = std::chrono::seconds(2);    // after the answer, for the client to close

    // `retry_after` is asked for each answer: seconds, at least 1. `listeners` are borrowed.
    HoldDesk(boost::asio::io_context& io, std::span<const Listener> listeners,
             std::function<std::uint64_t()> retry_after, std::function<void()> on_empty);
    ~HoldDesk();
    HoldDesk(const HoldDesk&) = delete;
    HoldDesk& operator=(const HoldDesk&) = delete;

    void open();
    void close();
    [[nodiscard]] bool is_open() const noexcept { return is_open_; }
    [[nodiscard]] bool is_empty() const noexcept { return connections_.empty(); }
    [[nodiscard]] std::uint64_t answered() const noexcept { return answered_; }

private:
    class Connection;
    struct Door {
        const Listener& listener;
        boost::asio::posix::stream_descriptor descriptor;
        bool is_waiting = false;
    };

    void wait(Door& door);
    void wait_everywhere();
    void accept(Door& door);
    void ended(Connection& connection);

    boost::asio::io_context& io_;
    std::list<Door> doors_;
    std::function<std::uint64_t()> retry_after_;
    std::function<void()> on_empty_;
    std::list<std::unique_ptr<Connection>> connections_;
    boost::asio::steady_timer pause_;   // after accept failed for want of descriptors
    std::shared_ptr<std::uint64_t> turn_;  // second owner: queued handlers, which must notice that they are outdated
    bool is_open_ = false;
    std::uint64_t answered_ = 0;
};

}  // namespace vassal::master
