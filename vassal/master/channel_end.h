// SPDX-License-Identifier: Apache-2.0
// Our end of a channel (common/link/channel.h) on the event loop: packets in by callback, messages out, queued while
// the other side does not read. Its owner gives it up through retire(), never from a plain destructor inside a callback.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "common/base/unique_fd.h"
#include "common/link/channel.h"

namespace vassal::master {

class ChannelEnd {
public:
    using OnPacket = std::function<void(common::link::Packet&)>;
    using OnClosed = std::function<void()>;

    ChannelEnd(boost::asio::io_context& io, common::UniqueFd fd, OnPacket on_packet, OnClosed on_closed);
    ChannelEnd(const ChannelEnd&) = delete;
    ChannelEnd& operator=(const ChannelEnd&) = delete;

    // False when the channel is gone, or so far behind that it is given up.
    bool send(std::string payload, std::span<const int> fds = {});
    // Handles what has arrived, without waiting for the loop.
    void receive_now();
    // Waits shortly for the other side to take what is queued; before the process ends.
    void flush();
    void close();
    [[nodiscard]] bool is_open() const noexcept { return descriptor_.is_open(); }
    [[nodiscard]] int fd() { return descriptor_.native_handle(); }

private:
    void wait_readable();
    void wait_writable();
    void write_queued();
    void end();

    boost::asio::posix::stream_descriptor descriptor_;
    OnPacket on_packet_;
    OnClosed on_closed_;
    std::deque<std::string> queue_;
    bool is_waiting_writable_ = false;
};

// Destroys an object that has operations on the loop: after the handlers that are queued already, which therefore may
// use it. The object must have closed its descriptors and timers (their handlers are queued by that, too).
template <class T>
void retire(boost::asio::io_context& io, std::unique_ptr<T> object) {
    if (object) boost::asio::post(io, [owned = std::move(object)] {});
}

}  // namespace vassal::master
