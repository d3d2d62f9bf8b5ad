// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/orphan_guard.h"

#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

#include "vassal/link/signals.h"

namespace vassal::worker {
namespace {

// The handler's only way to what it is about.
OrphanGuard* mine = nullptr;

}  // namespace

OrphanGuard::OrphanGuard(int link, common::Duration patience) noexcept : link_(link) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
    patience_.it_value.tv_sec = seconds.count();
    patience_.it_value.tv_nsec = std::chrono::nanoseconds(patience - seconds).count() + 1;  // zero would disarm it
    mine = this;
    struct sigaction action {};
    action.sa_sigaction = &OrphanGuard::handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    ::sigfillset(&action.sa_mask);
    ::sigaction(link::orphan_signal(), &action, &before_);
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = link::orphan_signal();
    has_timer_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    // A master that is gone by now is noticed by the first thread that waits: none hangs yet.
    ::prctl(PR_SET_PDEATHSIG, link::orphan_signal());
}

OrphanGuard::~OrphanGuard() {
    ::prctl(PR_SET_PDEATHSIG, 0);
    if (has_timer_) ::timer_delete(timer_);  // one that runs is about to end the process
    ::sigaction(link::orphan_signal(), &before_, nullptr);
    mine = nullptr;
}

void OrphanGuard::handle(int, siginfo_t* info, void*) noexcept {
    const int error = errno;
    if (info->si_code == SI_TIMER) ::_exit(1);
    if (mine != nullptr) mine->master_may_be_gone();
    errno = error;
}

void OrphanGuard::master_may_be_gone() noexcept {
    pollfd link{.fd = link_, .events = POLLRDHUP, .revents = 0};
    if (!has_timer_ || ::poll(&link, 1, 0) != 1 || (link.revents & (POLLRDHUP | POLLHUP | POLLNVAL)) == 0) return;
    ::timer_settime(timer_, 0, &patience_, nullptr);
    has_timer_ = false;  // it runs: another parent's death does not prolong it
}

}  // namespace vassal::worker
