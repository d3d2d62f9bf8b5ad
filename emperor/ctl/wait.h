// SPDX-License-Identifier: Apache-2.0
// Waiting on a socket before a deadline, and the way to a unix socket with a long path. Internal to this room.
#pragma once

#include <string>

#include "emperor/ctl/client.h"

namespace emperor::ctl {

// Milliseconds for poll(2), rounded up so that it does not return just before the deadline; -1 once it has passed.
[[nodiscard]] int remaining(Deadline deadline);

// True when `events` are there; false when the deadline passed.
[[nodiscard]] bool wait_for(int fd, short events, Deadline deadline);

// A connect() to a unix path of any length: through the directory's fd. 0 or errno.
[[nodiscard]] int connect_unix(int fd, const std::string& path);

}  // namespace emperor::ctl
