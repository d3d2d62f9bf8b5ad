// SPDX-License-Identifier: Apache-2.0
#include "emperor/service.h"

#include <utility>

#include "emperor/process/service_manager.h"

namespace emperor {

namespace manager = process::service_manager;

namespace {

constexpr auto status_delay = std::chrono::milliseconds(500);

}  // namespace

std::string summary_of(const Tally& tally) {
    std::size_t all = 0;
    std::string parts;
    for (const auto& [state, count] : tally) {
        all += count;
        parts += (parts.empty() ? ": " : ", ") + std::to_string(count) + " " + std::string(supervise::name_of(state));
    }
    return std::to_string(all) + (all == 1 ? " app" : " apps") + parts;
}

Service::Service(boost::asio::io_context& io, std::function<Tally()> tally)
    : tally_(std::move(tally)), watchdog_(manager::watchdog()), watchdog_timer_(io), status_timer_(io) {}

void Service::start() {
    if (watchdog_) feed_watchdog();
}

void Service::ready() {
    if (is_stopping_) return;
    if (std::exchange(is_ready_, true) && !std::exchange(is_reloading_, false)) return;
    tell_status();
    manager::ready();
}

void Service::reloading() {
    if (!is_ready_ || is_stopping_ || std::exchange(is_reloading_, true)) return;
    manager::reloading();
}

void Service::stopping() {
    if (std::exchange(is_stopping_, true)) return;
    manager::stopping();
}

void Service::fleet_changed() {
    if (!manager::is_there() || std::exchange(is_status_due_, true)) return;
    status_timer_.arm_after(status_delay, [this] { tell_status(); });
}

void Service::tell_status() {
    is_status_due_ = false;
    std::string now = summary_of(tally_());
    if (now == status_) return;
    status_ = std::move(now);
    manager::status(status_);
}

void Service::feed_watchdog() {
    manager::alive();
    watchdog_timer_.arm_after(*watchdog_, [this] { feed_watchdog(); });
}

}  // namespace emperor
