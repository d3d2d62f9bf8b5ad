// SPDX-License-Identifier: Apache-2.0
// An accepted connection, of whichever family, with a deadline: when that passes, the operation under way is cancelled.
// Internal to this room; owned by whoever converses over it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/unique_fd.h"
#include "emperor/process/timer.h"

namespace emperor::stats {

class Stream {
public:
    Stream(boost::asio::io_context& io, common::UniqueFd fd);

    void arm(std::chrono::milliseconds deadline);  // from now on, in place of the former one
    void disarm() { timer_.disarm(); }
    void close() noexcept;

    // Appends what comes next. False: nothing more does, or the deadline passed.
    [[nodiscard]] boost::asio::awaitable<bool> read(std::string& into);
    // Both parts, and nothing after them. False: not all of it was sent.
    boost::asio::awaitable<bool> write_last(std::string_view head, std::string_view body);

private:
    boost::asio::generic::stream_protocol::socket socket_;
    process::Timer timer_;
};

}  // namespace emperor::stats
