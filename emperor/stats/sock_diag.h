// SPDX-License-Identifier: Apache-2.0
// How many clients wait in the queue of a listening socket, and how many may: sock_diag for unix sockets (the one
// thing that uWSGI shows as 0), TCP_INFO for TCP. Works without privileges. Synchronous: the kernel answers a netlink
// request for one inode within the send.
#pragma once

#include <cstdint>

#include "common/base/unique_fd.h"

namespace emperor::stats {

struct ListenQueue {
    std::int64_t length = 0;
    std::int64_t limit = 0;

    friend bool operator==(const ListenQueue&, const ListenQueue&) = default;
};

class QueueProbe {
public:
    QueueProbe() noexcept;

    // Zeros where the kernel does not tell.
    [[nodiscard]] ListenQueue read(int listener_fd) const noexcept;

private:
    [[nodiscard]] ListenQueue read_unix(std::uint32_t inode) const noexcept;

    common::UniqueFd netlink_;
    mutable std::uint32_t sequence_ = 0;
};

}  // namespace emperor::stats
