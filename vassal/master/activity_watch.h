// SPDX-License-Identifier: Apache-2.0
// The master's end of link::Activity: calls `on_tick` every Activity::tick while workers have something to do, at
// once when one is in a hurry, and not at all while they have nothing to do. Owned by Master; exists only when a feature
// of the generation needs it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>

#include "vassal/link/activity.h"

namespace vassal::master {

class ActivityWatch {
public:
    // True: there is work under way that note() does not tell of (a request in flight), so look again.
    using OnTick = std::function<bool()>;

    // `activity` outlives the watch.
    ActivityWatch(boost::asio::io_context& io, link::Activity& activity, OnTick on_tick);
    ~ActivityWatch();
    ActivityWatch(const ActivityWatch&) = delete;
    ActivityWatch& operator=(const ActivityWatch&) = delete;

private:
    void wait_for_event();
    void look();

    link::Activity& activity_;
    OnTick on_tick_;
    boost::asio::posix::stream_descriptor event_;  // borrowed from activity_
    boost::asio::steady_timer timer_;
    int quiet_ticks_ = 0;
};

}  // namespace vassal::master
