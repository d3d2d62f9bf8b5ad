// SPDX-License-Identifier: Apache-2.0
#include "emperor/process/reaper.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "emperor/process/child.h"

namespace emperor::process {
namespace {

// Our children, living and dead. /proc rather than waitid(P_ALL, WNOWAIT): that would return the same watched zombie,
// whose Child has not had its turn yet, again and again and hide the others.
std::vector<pid_t> children() {
    std::vector<pid_t> out;
    std::ifstream in("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    for (pid_t pid = 0; in >> pid;) out.push_back(pid);
    return out;
}

}  // namespace

Reaper::Reaper(boost::asio::io_context& io, std::function<void(pid_t)> on_orphan)
    : signals_(io, SIGCHLD), timer_(io), on_orphan_(std::move(on_orphan)) {
    wait();
}

bool Reaper::become_subreaper() noexcept { return ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0; }

void Reaper::cancel() {
    signals_.cancel();
    timer_.disarm();
}

void Reaper::wait() {
    signals_.async_wait([this, is_alive = is_alive_](const boost::system::error_code& error, int) {
        if (error || !*is_alive) return;
        reap();
        wait();
    });
}

// Nearly always the dead child is a watched one, whose pidfd tells. It may hide an orphan behind it: a closer look a moment
// later, one for all of a thousand that end at once.
void Reaper::reap() {
    if (!reap_until_watched() || std::exchange(is_armed_, true)) return;
    timer_.arm_after(std::chrono::milliseconds(20), [this] {
        is_armed_ = false;
        if (reap_until_watched()) reap_all();
    });
}

// True: a watched child stands before whatever else there is.
bool Reaper::reap_until_watched() {
    for (;;) {
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return false;
        if (Child::is_watched(info.si_pid)) return true;
        siginfo_t gone{};
        if (::waitid(P_PID, static_cast<id_t>(info.si_pid), &gone, WEXITED | WNOHANG) != 0 ||
            gone.si_pid != info.si_pid)
            return false;
        on_orphan_(info.si_pid);
    }
}

void Reaper::reap_all() {
    for (const pid_t pid : children()) {
        if (Child::is_watched(pid)) continue;
        siginfo_t gone{};
        if (::waitid(P_PID, static_cast<id_t>(pid), &gone, WEXITED | WNOHANG) == 0 && gone.si_pid == pid) on_orphan_(pid);
    }
}

}  // namespace emperor::process
