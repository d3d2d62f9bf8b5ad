// SPDX-License-Identifier: Apache-2.0
// A listening socket: opened here, handed to every generation of its vassal, closed (and its file removed) here.
// A unix socket appears at its path by rename, ready to be connected to, with its mode and owner set: no client ever
// meets a half-made one. The kernel's accept queue holds clients while no generation accepts; nothing here accepts.
// Owned by the fleet's listener sets. Plain descriptors: a listener in an idle Asio acceptor wakes its owner for every
// connection that the workers accept.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/config/verify.h"
#include "common/net/address.h"

namespace emperor::process {

struct ListenRequest {
    common::net::ListenAddress address;
    common::config::Identity identity;  // the vassal's
    // The tenant chose the path (or port): it is bound with the vassal's rights. False for the emperor's own directory.
    bool with_vassal_rights = true;
    std::uint32_t mode = 0660;
    std::string owner;  // "" = the vassal's user
    std::string group;  // "" = www-data where it exists, else the vassal's group
    int backlog = 0;    // 0 = net.core.somaxconn
};

class Listener {
public:
    Listener(common::net::ListenAddress address, common::UniqueFd fd) : address_(std::move(address)), fd_(std::move(fd)) {}
    ~Listener();  // removes the socket file when it is still ours
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    [[nodiscard]] const common::net::ListenAddress& address() const noexcept { return address_; }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    // The file stays when this object ends (the emperor leaves its vassals running).
    void leave_file() noexcept { removes_file_ = false; }

    // False when the socket file was removed or replaced by somebody: no new client finds this listener.
    [[nodiscard]] bool is_in_place() const;

    // What identifies the socket over an emperor's life: its inode in the socket file system.
    [[nodiscard]] std::uint64_t socket_inode() const noexcept;

private:
    friend common::Result<std::unique_ptr<Listener>> open_listener(const ListenRequest& request);
    friend std::unique_ptr<Listener> adopt_listener(const ListenRequest& request, common::UniqueFd fd);
    friend common::Result<void> update_listener(Listener& listener, const ListenRequest& request);

    common::net::ListenAddress address_;
    common::UniqueFd fd_;
    bool removes_file_ = false;
    bool with_vassal_rights_ = true;
    common::config::Identity identity_;
    dev_t device_ = 0;  // of the socket file
    ino_t inode_ = 0;
};

// Errors name what failed on which address: "bind /run/blog.sock: Permission denied", "address in use: /run/x.sock".
[[nodiscard]] common::Result<std::unique_ptr<Listener>> open_listener(const ListenRequest& request);

// Takes over a descriptor that belongs to `request` already (check it first with is_listener_for).
[[nodiscard]] std::unique_ptr<Listener> adopt_listener(const ListenRequest& request, common::UniqueFd fd);

// Gives an open listener the mode, owner, group and backlog of `request` (the same address). Where nothing differs,
// nothing changes.
[[nodiscard]] common::Result<void> update_listener(Listener& listener, const ListenRequest& request);

// Whether `fd` is a listening stream socket that is bound to this address, as far as the kernel tells.
[[nodiscard]] bool is_listener_for(int fd, const common::net::ListenAddress& address);

// See Listener::socket_inode.
[[nodiscard]] std::uint64_t socket_inode_of(int fd) noexcept;

[[nodiscard]] int default_backlog();

}  // namespace emperor::process
