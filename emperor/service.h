// SPDX-License-Identifier: Apache-2.0
// The emperor as a systemd service: says when it is ready (what a former emperor left is adopted, the directories were
// scanned, its sockets are open), that it reloads and stops, in a line how the fleet is, and to the watchdog that its
// event loop turns. Decides nothing. Owned by the emperor; without systemd it does nothing.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "emperor/process/timer.h"
#include "emperor/supervise/types.h"

namespace emperor {

using Tally = std::map<supervise::DisplayState, std::size_t>;

// "12 apps: 10 running, 2 backoff"
[[nodiscard]] std::string summary_of(const Tally& tally);

class Service {
public:
    Service(boost::asio::io_context& io, std::function<Tally()> tally);

    void start();       // the event loop is about to turn
    void ready();       // for the first time, or again after reloading()
    void reloading();
    void stopping();
    void fleet_changed();  // the line follows within a second

private:
    void tell_status();
    void feed_watchdog();

    std::function<Tally()> tally_;
    std::optional<std::chrono::microseconds> watchdog_;
    process::Timer watchdog_timer_, status_timer_;
    std::string status_;
    bool is_status_due_ = false;
    bool is_reloading_ = false;
    bool is_ready_ = false;
    bool is_stopping_ = false;
};

}  // namespace emperor
