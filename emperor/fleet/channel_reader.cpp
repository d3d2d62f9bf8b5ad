// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/channel_reader.h"

namespace emperor::fleet {

using common::link::ReceiveState;

ChannelReader::ChannelReader(boost::asio::io_context& io, common::UniqueFd fd, OnPacket on_packet, OnClosed on_closed)
    : descriptor_(io), on_packet_(std::move(on_packet)), on_closed_(std::move(on_closed)),
      alive_(std::make_shared<bool>(true)) {
    if (!fd) return;
    descriptor_.assign(fd.release());
    wait();
}

ChannelReader::~ChannelReader() { *alive_ = false; }

void ChannelReader::wait() {
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [this, alive = alive_](const boost::system::error_code& error) {
                               if (!*alive || error || !descriptor_.is_open()) return;
                               read(packets_per_turn);
                               if (*alive && descriptor_.is_open()) wait();
                           });
}

void ChannelReader::drain() {
    constexpr int all_that_fits = 4096;  // more than a socket buffer holds; a bound all the same
    if (descriptor_.is_open()) read(all_that_fits);
}

void ChannelReader::close() {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
}

void ChannelReader::read(int limit) {
    const auto alive = alive_;
    for (int count = 0; count < limit; ++count) {
        auto received = common::link::receive(descriptor_.native_handle());
        const ReceiveState state = received ? received->state : ReceiveState::closed;
        if (state == ReceiveState::empty) return;
        if (state == ReceiveState::closed) {
            descriptor_.close();
            if (on_closed_) on_closed_();
            return;
        }
        on_packet_(std::move(received->packet));
        if (!*alive || !descriptor_.is_open()) return;
    }
}

}  // namespace emperor::fleet
