// SPDX-License-Identifier: Apache-2.0
// How many clients wait in the queue of a listening socket, and how many may: sock_diag for unix sockets (the one
// thing that uWSGI shows as 0), TCP_INFO for TCP. Works without privileges. Synchronous: the kernel answers a netlink
// request for one inode within the send.
//
// For one inode the kernel walks over all unix sockets, as it does for all of them together: a thousand questions cost a
// thousand walks. So who asks for many in a row is answered from one dump of all that listen, a few milliseconds old.
#pragma once

#include <cstdint>
#include <unordered_map>

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
    [[nodiscard]] ListenQueue ask(std::uint32_t inode) const noexcept;
    void ask_all() const;
    bool send(std::uint32_t inode, bool is_dump) const noexcept;

    common::UniqueFd netlink_;
    mutable std::uint32_t sequence_ = 0;
    // Questions of one burst, and what a dump in it said.
    mutable std::int64_t burst_until_us_ = 0;
    mutable int asked_ = 0;
    mutable std::unordered_map<std::uint32_t, ListenQueue> known_;
};

}  // namespace emperor::stats
