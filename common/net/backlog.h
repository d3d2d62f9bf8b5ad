// SPDX-License-Identifier: Apache-2.0
// How many connections wait in a listening socket's queue. Asks the kernel (unix: sock_diag, TCP: TCP_INFO) and keeps
// nothing: three system calls at most, so for a tick or a question, not for a request. It never touches the queue.
#pragma once

#include "common/base/result.h"

namespace common::net {

struct Backlog {
    unsigned waiting = 0;  // connected, not accepted yet
    unsigned limit = 0;    // as the kernel holds it: listen()'s figure, at most somaxconn
    friend bool operator==(const Backlog&, const Backlog&) = default;
};

[[nodiscard]] Result<Backlog> backlog_of(int listening_fd);

}  // namespace common::net
