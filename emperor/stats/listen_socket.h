// SPDX-License-Identifier: Apache-2.0
// The emperor's own listening sockets: control.sock, stats.sock, stats/NAME.sock and extra stats addresses. A
// LocalSocket is owned by the server that answers on it and removes its path at the end, if the path is still its own.
// Never used for a vassal's listeners: those outlive generations and are bound with a tenant's rights.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/net/address.h"

namespace emperor::stats {

struct SocketAccess {
    mode_t mode = 0660;
    std::optional<uid_t> owner;
    std::optional<gid_t> group;
};

class LocalSocket {
public:
    LocalSocket() noexcept = default;
    LocalSocket(LocalSocket&& other) noexcept;
    LocalSocket& operator=(LocalSocket&& other) noexcept;
    ~LocalSocket() { close(); }

    // Listening, non-blocking, CLOEXEC. A stale socket at a unix path is replaced; one that somebody answers on, or a
    // file of another kind, is an error. Paths longer than sun_path are bound through a directory fd. TCP hosts are
    // numeric, "localhost" or empty: no resolver runs in the emperor's loop.
    [[nodiscard]] static common::Result<LocalSocket> listen(const common::net::Address& address,
                                                            const SocketAccess& access = {});

    // One that was opened elsewhere, for this address; the path is not ours to remove.
    [[nodiscard]] static LocalSocket adopt(common::UniqueFd fd);

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] common::UniqueFd release_fd() noexcept { return std::move(fd_); }  // the path stays ours to remove
    void close() noexcept;

private:
    common::UniqueFd fd_;
    std::string path_;  // empty: nothing to remove
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

}  // namespace emperor::stats
