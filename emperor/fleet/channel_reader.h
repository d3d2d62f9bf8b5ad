// SPDX-License-Identifier: Apache-2.0
// The reading side of a link or log channel on the event loop: waits, receives a bounded number of packets per turn and
// hands them on. Owns the descriptor; writing goes through fd(). Never blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>

#include "common/base/unique_fd.h"
#include "common/link/channel.h"

namespace emperor::fleet {

class ChannelReader {
public:
    using OnPacket = std::function<void(common::link::Packet)>;
    using OnClosed = std::function<void()>;  // end of file or a broken channel; called once

    // Without a descriptor it is closed from the beginning; on_closed is not called then.
    ChannelReader(boost::asio::io_context& io, common::UniqueFd fd, OnPacket on_packet, OnClosed on_closed);
    ~ChannelReader();
    ChannelReader(const ChannelReader&) = delete;
    ChannelReader& operator=(const ChannelReader&) = delete;

    [[nodiscard]] bool is_open() const noexcept { return descriptor_.is_open(); }
    [[nodiscard]] int fd() { return descriptor_.native_handle(); }

    // Reads what is there now, without waiting for the loop: the last words of a process whose exit was just seen.
    void drain();

    // Stops reading; on_closed is not called. For an owner that hands a duplicate of the channel on.
    void close();

private:
    static constexpr int packets_per_turn = 128;

    void wait();
    void read(int limit);

    boost::asio::posix::stream_descriptor descriptor_;
    OnPacket on_packet_;
    OnClosed on_closed_;
    std::shared_ptr<bool> alive_;  // second owner: pending handlers and the turn in progress, which must notice our end
};

}  // namespace emperor::fleet
