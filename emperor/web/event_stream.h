// SPDX-License-Identifier: Apache-2.0
// Server-sent events on their way to one client: a bounded queue, and feeds that fill it. Owned by the client's
// connection, which writes what it takes from here; a client that does not read makes it full, and is then dropped.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "emperor/control/dispatcher.h"
#include "emperor/stats/catalogue.h"

namespace emperor::web {

// One event of the stream (WHATWG HTML 9.2). `data` holds no newline but perhaps one at its end.
[[nodiscard]] std::string event_text(std::string_view name, std::string_view data);

// A comment, so that a client that is gone is noticed, and one that waits knows that we are here.
inline constexpr std::string_view heartbeat = ":\n\n";

class EventStream {
public:
    // `most`: bytes that may wait beside the one being written; a first one may be larger.
    EventStream(const boost::asio::any_io_executor& executor, std::size_t most) : signal_(executor), most_(most) {}

    void push(stats::Document event);
    // Null: nothing waits.
    [[nodiscard]] stats::Document take();
    // Until something was pushed, close() was called, or `patience` is over.
    [[nodiscard]] boost::asio::awaitable<void> wait(std::chrono::milliseconds patience);
    void close() noexcept;
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
    [[nodiscard]] bool has_overflown() const noexcept { return has_overflown_; }

private:
    boost::asio::steady_timer signal_;
    const std::size_t most_;
    std::deque<stats::Document> waiting_;
    std::size_t size_ = 0;
    bool is_closed_ = false, has_overflown_ = false;
};

// What the control room sends to one conversation, as events of one name. Holds the subscription behind them.
class Feed : public control::Conversation {
public:
    Feed(std::shared_ptr<EventStream> stream, std::string name) : stream_(std::move(stream)), name_(std::move(name)) {}
    void send(std::string line) override;
    void begin_operation() override {}
    void end_operation() override {}
    void keep(std::unique_ptr<fleet::FleetApi::Subscription> subscription) override { subscription_ = std::move(subscription); }
    [[nodiscard]] bool has_room() const override { return !subscription_; }

private:
    std::shared_ptr<EventStream> stream_;  // shared with the connection, which writes it
    std::string name_;
    std::unique_ptr<fleet::FleetApi::Subscription> subscription_;
};

}  // namespace emperor::web
