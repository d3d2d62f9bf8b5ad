// SPDX-License-Identifier: Apache-2.0
// Whether what an Asio wait reported is so. Asio's epoll reactor may hand the readiness of a descriptor that was closed in a
// turn of its loop to the next one that is registered in that turn (both get the same pooled state). Who reads afterwards
// notices by EAGAIN; who takes the readiness itself for news, such as the end of a pidfd's process, asks here first.
#pragma once

#include <poll.h>

#include <cerrno>

namespace common {

// True also for an error or a hang-up (poll(2)): reading tells which.
[[nodiscard]] inline bool is_readable(int fd) noexcept {
    pollfd asked{fd, POLLIN, 0};
    int ready = 0;
    do ready = ::poll(&asked, 1, 0);
    while (ready < 0 && errno == EINTR);  // also without waiting, when a signal is pending
    return ready != 0;
}

}  // namespace common
