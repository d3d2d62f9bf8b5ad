// SPDX-License-Identifier: Apache-2.0
// A thread that is in the app waits for its client: without the interpreter lock, and on the client's account.
#pragma once

#include <cstdint>

#include "vassal/app/application.h"
#include "vassal/worker/meter.h"

namespace vassal::worker {

// Until `events` (of poll) are there. False: not within the timeout; 0 is none.
[[nodiscard]] bool wait_for_client(int fd, short events, std::int64_t timeout_ms, app::Application& application,
                                   Meter& meter) noexcept;

}  // namespace vassal::worker
