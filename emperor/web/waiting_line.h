// SPDX-License-Identifier: Apache-2.0
// Waits for the one line that the control room answers a request with, at once or when an operation's outcome is known.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <string>

#include "emperor/control/dispatcher.h"

namespace emperor::web {

class WaitingLine : public control::Conversation {
public:
    explicit WaitingLine(const boost::asio::any_io_executor& executor) : signal_(executor) {}

    void send(std::string line) override {
        if (!line_) line_ = std::move(line);
        signal_.cancel();
    }
    void begin_operation() override {}
    void end_operation() override {}
    void keep(std::unique_ptr<fleet::FleetApi::Subscription>) override {}  // nothing is followed here
    [[nodiscard]] bool has_room() const override { return true; }

    // Nobody wants to know any more.
    void give_up() noexcept { signal_.cancel(); }

    [[nodiscard]] boost::asio::awaitable<void> wait(std::chrono::milliseconds patience) {
        if (line_) co_return;
        boost::system::error_code ignored;
        signal_.expires_after(patience);
        co_await signal_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
    [[nodiscard]] const std::optional<std::string>& line() const noexcept { return line_; }

private:
    boost::asio::steady_timer signal_;
    std::optional<std::string> line_;
};

}  // namespace emperor::web
