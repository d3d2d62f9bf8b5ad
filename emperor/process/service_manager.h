// SPDX-License-Identifier: Apache-2.0
// What the emperor tells systemd (sd_notify(3)) over NOTIFY_SOCKET; without one nothing happens. Never fails: a service
// manager that does not listen is none of our trouble. The variables stay in the emperor's environment, because an upgrade
// in place needs them again; no child gets them (inherited.h). Stateless.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace emperor::process::service_manager {

[[nodiscard]] bool is_there();

void ready();
void reloading();  // until ready() is said again
void stopping();
void status(const std::string& line);

// How often alive() is expected; nothing where there is no watchdog, or where it watches another process.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog();
void alive();

}  // namespace emperor::process::service_manager
