// SPDX-License-Identifier: Apache-2.0
// The master's end of link::Activity. Asleep until a worker announces a request or is in a hurry; then `on_wake` is called,
// once until the next sleep. Features that look at workers all the time add tick(): it is called every Activity::tick while
// workers have something to do, and at once when one is in a hurry. Owned by Master.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>

#include "vassal/link/activity.h"

namespace vassal::master {

class ActivityWatch {
public:
    using OnWake = std::function<void()>;
    // True: there is work under way that note() does not tell of (a request in flight), so look again.
    using OnTick = std::function<bool()>;

    // `activity` outlives the watch.
    ActivityWatch(boost::asio::io_context& io, link::Activity& activity, OnWake on_wake);
    ~ActivityWatch();
    ActivityWatch(const ActivityWatch&) = delete;
    ActivityWatch& operator=(const ActivityWatch&) = delete;

    // From now on, instead of sleeping when told to: sleeps by itself after Activity::idle without news. Once.
    void tick(OnTick on_tick);
    [[nodiscard]] bool is_ticking() const noexcept { return on_tick_ != nullptr; }

    // The caller has looked, and nothing is under way. True: asleep, so that the next request calls on_wake. False:
    // something was announced since the last time, so the caller must look again later.
    [[nodiscard]] bool rest();

private:
    void wait_for_event();
    void look();

    link::Activity& activity_;
    OnWake on_wake_;
    OnTick on_tick_;
    boost::asio::posix::stream_descriptor event_;  // borrowed from activity_
    boost::asio::steady_timer timer_;
    bool is_asleep_ = false;
    int quiet_ticks_ = 0;
};

}  // namespace vassal::master
