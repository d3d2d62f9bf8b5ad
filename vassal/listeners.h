// SPDX-License-Identifier: Apache-2.0
// The listening sockets of a stand-alone vassal, which nobody else opens for it. (An emperor's vassals get theirs.)
#pragma once

#include <sys/types.h>

#include <vector>

#include "common/base/result.h"
#include "common/config/vassal_config.h"
#include "vassal/master/generation.h"

namespace vassal {

// Non-blocking, CLOEXEC, listening; the address is the one bound (a port 0 is resolved).
[[nodiscard]] common::Result<master::Listener> open_listener(const common::net::ListenAddress& address,
                                                             const common::config::SocketConfig& config);

// Removes the socket files that this process bound, when it ends.
class SocketFiles {
public:
    SocketFiles() = default;
    SocketFiles(const SocketFiles&) = delete;
    SocketFiles& operator=(const SocketFiles&) = delete;
    ~SocketFiles();

    void add(const common::net::ListenAddress& address);

private:
    struct File {
        std::string path;
        dev_t device;
        ino_t inode;
    };
    std::vector<File> files_;
};

}  // namespace vassal
