// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/client_wait.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "vassal/worker/reactor.h"

namespace vassal::worker {

bool wait_for_client(int fd, short events, std::int64_t timeout_ms, app::Application& application,
                     Meter& meter) noexcept {
    application.release();
    const std::int64_t began = now_us();
    const std::int64_t deadline = began + timeout_ms * 1000;
    meter.begin_wait();
    int ready = 0;
    do {
        pollfd client{fd, events, 0};
        const std::int64_t left_ms = timeout_ms > 0 ? std::max<std::int64_t>((deadline - now_us()) / 1000, 0) : -1;
        ready = ::poll(&client, 1, static_cast<int>(left_ms));
    } while (ready < 0 && errno == EINTR);
    meter.end_wait(now_us() - began);
    application.acquire();
    return ready > 0;
}

}  // namespace vassal::worker
