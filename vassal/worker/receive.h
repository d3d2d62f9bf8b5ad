// SPDX-License-Identifier: Apache-2.0
// Hot path. recv() as this room's conversations use it.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>

namespace vassal::worker {

inline ssize_t receive(int fd, char* to, std::size_t size) noexcept {
    for (;;) {
        const ssize_t count = ::recv(fd, to, size, 0);
        if (count >= 0 || errno != EINTR) return count;
    }
}

[[nodiscard]] inline bool would_block() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK; }

}  // namespace vassal::worker
