// SPDX-License-Identifier: Apache-2.0
#include "emperor/process/service_manager.h"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace emperor::process::service_manager {

namespace {

void tell(const std::string& words) { static_cast<void>(::sd_notify(0, words.c_str())); }

// For Type=notify-reload of systemd 253 and later; earlier ones ignore it.
std::string monotonic_time() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::to_string(static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
}

}  // namespace

bool is_there() { return ::getenv("NOTIFY_SOCKET") != nullptr; }

void ready() { tell("READY=1\nMAINPID=" + std::to_string(::getpid())); }
void reloading() { tell("RELOADING=1\nMONOTONIC_USEC=" + monotonic_time()); }
void stopping() { tell("STOPPING=1"); }
void status(const std::string& line) { tell("STATUS=" + line); }

std::optional<std::chrono::microseconds> watchdog() {
    std::uint64_t period = 0;
    if (::sd_watchdog_enabled(0, &period) <= 0 || period == 0) return std::nullopt;
    return std::chrono::microseconds(period / 2);
}

void alive() { tell("WATCHDOG=1"); }

}  // namespace emperor::process::service_manager
