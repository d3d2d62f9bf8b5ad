// SPDX-License-Identifier: Apache-2.0
// One deadline at a time. After disarm(), a new arm() or the end of this object the former callback is not called, not
// even when its time had come already (a bare asio timer's handler may be queued by then).
// Owned by whoever the callback belongs to.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "common/base/clock.h"

namespace emperor::process {

class Timer {
public:
    explicit Timer(boost::asio::io_context& io) : timer_(io), turn_(std::make_shared<std::uint64_t>(0)) {}
    ~Timer() { ++*turn_; }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void arm(common::TimePoint deadline, std::function<void()> on_deadline) {
        const std::uint64_t mine = ++*turn_;
        timer_.expires_at(deadline);
        timer_.async_wait([turn = turn_, mine, callback = std::move(on_deadline)](const boost::system::error_code& error) {
            if (!error && *turn == mine) callback();
        });
    }
    void arm_after(common::Duration delay, std::function<void()> on_deadline) {
        arm(common::Clock::now() + delay, std::move(on_deadline));
    }
    void disarm() {
        ++*turn_;
        timer_.cancel();
    }

private:
    boost::asio::steady_timer timer_;
    std::shared_ptr<std::uint64_t> turn_;  // second owner: the queued handler, which must notice that it is outdated
};

}  // namespace emperor::process
