// SPDX-License-Identifier: Apache-2.0
// While an ActAs lives, the calling thread touches files and sockets with a vassal's rights (DESIGN law 11): the file
// system uid, gid and supplementary groups are the vassal's, and the kernel drops root's file capabilities with them.
// Everything else (signals, binding of ports, the effective uid) stays the emperor's. Does nothing when the emperor is
// not root: then it has no other rights than the vassals. Lives on the stack; never across a return to the event loop.
#pragma once

#include <sys/types.h>

#include <vector>

#include "common/config/verify.h"

namespace emperor::process {

class ActAs {
public:
    explicit ActAs(const common::config::Identity& identity);
    ~ActAs();
    ActAs(const ActAs&) = delete;
    ActAs& operator=(const ActAs&) = delete;

private:
    bool is_active_ = false;
    uid_t uid_ = 0;
    gid_t gid_ = 0;
    std::vector<gid_t> groups_;
};

}  // namespace emperor::process
