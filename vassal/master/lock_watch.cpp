// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/lock_watch.h"

#include <algorithm>

namespace vassal::master {

bool LockWatch::look(const common::scoreboard::WorkerSlot& worker) {
    Waits& last = last_[&worker];
    const std::size_t threads = std::min<std::size_t>(worker.threads.load(std::memory_order_relaxed), last.size());
    bool is_waiting = false;
    for (std::size_t i = 0; i < threads; ++i) {
        const std::uint32_t now = worker.thread[i].lock_wait.load(std::memory_order_relaxed);
        is_waiting |= now % 2 == 1 && now == last[i];
        last[i] = now;
    }
    return is_waiting;
}

}  // namespace vassal::master
