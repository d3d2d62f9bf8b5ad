// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/activity_watch.h"

#include <utility>

namespace vassal::master {

namespace {

using boost::system::error_code;
using link::Activity;

constexpr int ticks_until_sleep = Activity::idle / Activity::tick;

}  // namespace

ActivityWatch::ActivityWatch(boost::asio::io_context& io, link::Activity& activity, OnWake on_wake)
    : activity_(activity), on_wake_(std::move(on_wake)), event_(io, activity.eventfd()), timer_(io) {
    wait_for_event();
}

ActivityWatch::~ActivityWatch() { event_.release(); }

void ActivityWatch::tick(OnTick on_tick) {
    on_tick_ = std::move(on_tick);
    is_asleep_ = !activity_.take_news() && activity_.fall_asleep();
    if (!is_asleep_) look();
}

bool ActivityWatch::rest() {
    if (!on_tick_ && !is_asleep_) is_asleep_ = !activity_.take_news() && activity_.fall_asleep();
    return is_asleep_;
}

// Armed all the time: a worker may wake us, and while we are awake it may be in a hurry.
void ActivityWatch::wait_for_event() {
    event_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](error_code error) {
        if (error) return;
        const bool was_asleep = std::exchange(is_asleep_, false);
        quiet_ticks_ = 0;
        if (on_tick_)
            look();
        else
            activity_.take_news();
        if (was_asleep) on_wake_();
        wait_for_event();
    });
}

void ActivityWatch::look() {
    const bool has_news = activity_.take_news();
    const bool is_busy = on_tick_();
    quiet_ticks_ = has_news || is_busy ? 0 : quiet_ticks_ + 1;
    is_asleep_ = quiet_ticks_ >= ticks_until_sleep && activity_.fall_asleep();
    if (is_asleep_) return static_cast<void>(timer_.cancel());
    timer_.expires_after(Activity::tick);
    timer_.async_wait([this](error_code error) {
        if (!error) look();
    });
}

}  // namespace vassal::master
