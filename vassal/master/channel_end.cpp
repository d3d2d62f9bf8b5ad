// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/channel_end.h"

#include <poll.h>

#include <utility>

namespace vassal::master {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using common::link::ReceiveState;

constexpr std::size_t queue_limit = 1024;
constexpr int flush_patience_ms = 500;

bool is_full(const common::Error& error) { return error.code.value() == EAGAIN || error.code.value() == EWOULDBLOCK; }

}  // namespace

ChannelEnd::ChannelEnd(asio::io_context& io, common::UniqueFd fd, OnPacket on_packet, OnClosed on_closed)
    : descriptor_(io, fd.release()), on_packet_(std::move(on_packet)), on_closed_(std::move(on_closed)) {
    wait_readable();
}

bool ChannelEnd::send(std::string payload, std::span<const int> fds) {
    if (!is_open()) return false;
    if (queue_.empty()) {
        const auto sent = common::link::send(fd(), payload, fds);
        if (sent) return true;
        if (!is_full(sent.error()) || !fds.empty()) return false;
    }
    if (!fds.empty() || queue_.size() >= queue_limit) return false;
    queue_.push_back(std::move(payload));
    wait_writable();
    return true;
}

void ChannelEnd::receive_now() {
    while (is_open()) {
        auto received = common::link::receive(fd());
        if (!received) return end();
        if (received->state == ReceiveState::empty) return;
        if (received->state == ReceiveState::closed) return end();
        on_packet_(received->packet);
    }
}

void ChannelEnd::flush() {
    while (is_open() && !queue_.empty()) {
        pollfd ready{fd(), POLLOUT, 0};
        if (::poll(&ready, 1, flush_patience_ms) <= 0) return;
        const std::size_t before = queue_.size();
        write_queued();
        if (queue_.size() == before) return;
    }
}

void ChannelEnd::close() {
    error_code ignored;
    descriptor_.close(ignored);
    queue_.clear();
}

void ChannelEnd::wait_readable() {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read, [this](error_code error) {
        if (error || !is_open()) return;
        receive_now();
        if (is_open()) wait_readable();
    });
}

void ChannelEnd::wait_writable() {
    if (std::exchange(is_waiting_writable_, true)) return;
    descriptor_.async_wait(asio::posix::descriptor_base::wait_write, [this](error_code error) {
        is_waiting_writable_ = false;
        if (error || !is_open()) return;
        write_queued();
        if (is_open() && !queue_.empty()) wait_writable();
    });
}

void ChannelEnd::write_queued() {
    while (!queue_.empty()) {
        const auto sent = common::link::send(fd(), queue_.front());
        if (!sent && is_full(sent.error())) return;
        if (!sent) return queue_.clear();  // the end of the channel is noticed by reading
        queue_.pop_front();
    }
}

void ChannelEnd::end() {
    close();
    on_closed_();
}

}  // namespace vassal::master
