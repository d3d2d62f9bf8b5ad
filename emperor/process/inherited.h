// SPDX-License-Identifier: Apache-2.0
// Listening sockets that systemd passed to the emperor (socket activation: LISTEN_FDS, LISTEN_FDNAMES). Each is used for
// whatever wants its address: a vassal's `listen`, --stats, --control. systemd owns sockets and files: they are duplicated
// for their users, stay open here, and no socket file is dressed or removed.
//
// An app of another user gets one only under its own name (FileDescriptorName= of the socket unit): by its address alone a
// tenant could claim a port or path that the operator opened for somebody else.
// Owned by main; outlives the fleet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/net/address.h"

namespace emperor::process {

class InheritedSockets {
public:
    struct Socket {
        int fd = -1;
        std::string name;  // FileDescriptorName
        std::uint64_t inode = 0;
        bool is_used = false;
    };

    // What the environment says, once per process image. Descriptors that are no listening stream sockets are reported
    // and closed.
    [[nodiscard]] static InheritedSockets from_environment();

    InheritedSockets() = default;
    explicit InheritedSockets(std::vector<Socket> sockets) : sockets_(std::move(sockets)) {}

    // A duplicate of the one that is bound to this address; empty: there is none. With `name` it must carry it.
    [[nodiscard]] common::UniqueFd take(const common::net::Address& address, const std::string& name = "") const;
    // The name of the one with this address; empty: there is none.
    [[nodiscard]] std::string name_of(const common::net::Address& address) const;
    [[nodiscard]] bool holds(std::uint64_t socket_inode) const;

    // "NAME ADDRESS" of those that nobody took so far.
    [[nodiscard]] std::vector<std::string> unused() const;

    // The next program in this process finds them again (LISTEN_PID is ours still).
    void keep_over_exec() const;

private:
    [[nodiscard]] Socket* find(const common::net::Address& address) const;

    mutable std::vector<Socket> sockets_;  // is_used is a note for the log
};

// What a child must not inherit: systemd's words are for the emperor alone.
[[nodiscard]] bool is_for_service_manager(std::string_view environment_entry) noexcept;

}  // namespace emperor::process
