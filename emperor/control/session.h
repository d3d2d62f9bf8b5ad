// SPDX-License-Identifier: Apache-2.0
// One client of the control socket: lines in, lines out. Internal to this room. Kept alive by its own pending
// operations (hence shared_ptr: the coroutine, the write under way and the deadline each hold it) and known to the
// server, which closes it. Bounded: the length of a line, the bytes that wait to be written, operations and streams
// under way; a client that does not read, or says nothing for too long, is dropped.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "emperor/control/dispatcher.h"
#include "emperor/control/server.h"

namespace emperor::control {

class Session : public Conversation, public std::enable_shared_from_this<Session> {
public:
    using OnLine = std::function<void(std::string_view line, const Peer& peer, const std::shared_ptr<Conversation>&)>;

    Session(boost::asio::io_context& io, common::UniqueFd fd, Peer peer, const Limits& limits, OnLine on_line);

    void start(std::function<void()> on_end);
    void close() noexcept;
    [[nodiscard]] const Peer& peer() const noexcept { return peer_; }

    void send(std::string line) override;
    void begin_operation() override { ++operations_; }
    void end_operation() override;
    void keep(std::unique_ptr<fleet::FleetApi::Subscription> subscription) override;
    [[nodiscard]] bool has_room() const override {
        return operations_ + subscriptions_.size() < limits_.operations;
    }

private:
    [[nodiscard]] boost::asio::awaitable<void> read_lines();
    void take_lines();
    void on_end_of_input();
    void write_next();
    void watch_writing();
    void watch_idleness();
    [[nodiscard]] bool has_work() const noexcept;
    [[nodiscard]] bool is_peer_gone() const noexcept;

    boost::asio::local::stream_protocol::socket socket_;
    boost::asio::steady_timer write_timer_;
    boost::asio::steady_timer idle_timer_;
    const Peer peer_;
    const Limits limits_;
    OnLine on_line_;
    std::function<void()> on_end_;
    std::string input_;
    std::deque<std::string> output_;
    std::size_t output_size_ = 0;
    std::size_t operations_ = 0;
    std::vector<std::unique_ptr<fleet::FleetApi::Subscription>> subscriptions_;
    bool is_writing_ = false;
    bool has_input_ended_ = false;  // the client sends no more, but may still read
    bool is_dropped_ = false;       // it does not read; to be closed in a moment
    bool is_closed_ = false;
};

}  // namespace emperor::control
