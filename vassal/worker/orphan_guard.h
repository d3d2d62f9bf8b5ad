// SPDX-License-Identifier: Apache-2.0
// The end of a worker whose master died and whose threads all hang in the app: nobody of them reads the end of the link,
// and without an emperor nobody kills it. The kernel tells (PR_SET_PDEATHSIG) by a signal with a handler; it makes sure by
// the link that the master is gone, because it is also sent when the process between mold and worker ends, and sets a
// timer, whose end is the process's. A worker that still has a thread in the reactor is long gone by then.
// Made by the main thread; at most one in a process. Forked children inherit neither the signal nor the timer.
#pragma once

#include <csignal>
#include <ctime>

#include "common/base/clock.h"

namespace vassal::worker {

class OrphanGuard {
public:
    // `link`: to the master. `patience`: from its death on.
    OrphanGuard(int link, common::Duration patience) noexcept;
    ~OrphanGuard();
    OrphanGuard(const OrphanGuard&) = delete;
    OrphanGuard& operator=(const OrphanGuard&) = delete;

private:
    static void handle(int number, siginfo_t* info, void* context) noexcept;
    void master_may_be_gone() noexcept;

    int link_;
    itimerspec patience_{};
    timer_t timer_{};
    bool has_timer_ = false;
    struct sigaction before_ {};
};

}  // namespace vassal::worker
