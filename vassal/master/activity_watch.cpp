// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/activity_watch.h"

#include <utility>

namespace vassal::master {

namespace {

using boost::system::error_code;
using link::Activity;

constexpr int ticks_until_sleep = Activity::idle / Activity::tick;

}  // namespace

ActivityWatch::ActivityWatch(boost::asio::io_context& io, link::Activity& activity, OnTick on_tick)
    : activity_(activity), on_tick_(std::move(on_tick)), event_(io, activity.eventfd()), timer_(io) {
    wait_for_event();
    if (activity_.take_news() || !activity_.fall_asleep()) look();
}

ActivityWatch::~ActivityWatch() { event_.release(); }

// Armed all the time: a worker may wake us, and while we are awake it may be in a hurry.
void ActivityWatch::wait_for_event() {
    event_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](error_code error) {
        if (error) return;
        quiet_ticks_ = 0;
        look();
        wait_for_event();
    });
}

void ActivityWatch::look() {
    const bool has_news = activity_.take_news();
    const bool is_busy = on_tick_();
    quiet_ticks_ = has_news || is_busy ? 0 : quiet_ticks_ + 1;
    if (quiet_ticks_ >= ticks_until_sleep && activity_.fall_asleep()) return static_cast<void>(timer_.cancel());
    timer_.expires_after(Activity::tick);
    timer_.async_wait([this](error_code error) {
        if (!error) look();
    });
}

}  // namespace vassal::master
