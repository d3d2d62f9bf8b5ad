// SPDX-License-Identifier: Apache-2.0
#include "emperor/process/child.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <charconv>
#include <csignal>
#include <cstring>
#include <string_view>
#include <unordered_set>

#include "common/base/readable.h"

namespace emperor::process {

using common::ExitStatus;
using common::UniqueFd;

namespace {

// Of the whole process, as its children are; all of them live in its one event loop.
std::unordered_multiset<pid_t>& watched() {
    static std::unordered_multiset<pid_t> pids;
    return pids;
}

void unwatch(pid_t pid) noexcept {
    if (const auto found = watched().find(pid); found != watched().end()) watched().erase(found);
}

}  // namespace

bool Child::is_watched(pid_t pid) noexcept { return watched().contains(pid); }

Child::Child(boost::asio::io_context& io, Spawned process, OnExit on_exit)
    : pid_(process.pid), pidfd_(std::move(process.pidfd)), waiter_(io, ::fcntl(pidfd_.get(), F_DUPFD_CLOEXEC, 0)),
      on_exit_(std::move(on_exit)), alive_(std::make_shared<bool>(true)) {
    watched().insert(pid_);
    wait();
}

Child::~Child() {
    *alive_ = false;
    if (!has_exited_) unwatch(pid_);
}

void Child::wait() {
    waiter_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this, alive = alive_](const boost::system::error_code& error) {
                           if (*alive && !error) collect();
                       });
}

void Child::collect() {
    if (!common::is_readable(pidfd_.get())) return wait();  // of one that is not our child (adopted) nothing else tells
    siginfo_t info{};
    int result = 0;
    do result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG);
    while (result != 0 && errno == EINTR);
    if (result == 0 && info.si_pid == 0) return wait();  // not yet to be waited for
    // ECHILD: not our child (adopted), or the status was taken by somebody else; it has ended all the same.
    const ExitStatus status = result == 0 ? ExitStatus::from(info) : ExitStatus{};
    has_exited_ = true;
    unwatch(pid_);
    waiter_.close();
    const OnExit on_exit = std::move(on_exit_);
    on_exit(status);  // may destroy us
}

bool Child::signal(int number) noexcept {
    return !has_exited_ && ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0;
}

void Child::kill_all() noexcept {
    // Before the master, so that the living or unreaped leader pins the group's number.
    if (!has_exited_ && ::syscall(SYS_pidfd_send_signal, pidfd_.get(), 0, nullptr, 0) == 0) ::kill(-pid_, SIGKILL);
    signal(SIGKILL);
    kill_group_of_children(pid_);
}

std::optional<std::uint64_t> start_ticks_of(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return std::nullopt;
    char buffer[1024];
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got <= 0) return std::nullopt;
    std::string_view text(buffer, static_cast<std::size_t>(got));
    const std::size_t name_end = text.rfind(')');  // the name may hold blanks and parentheses
    if (name_end == std::string_view::npos) return std::nullopt;
    text.remove_prefix(name_end + 1);
    // After the name stands field 3 (the state); 22 is the start time.
    for (int field = 3; field <= 22; ++field) {
        const std::size_t begin = text.find_first_not_of(' ');
        if (begin == std::string_view::npos) return std::nullopt;
        text.remove_prefix(begin);
        const std::size_t end = std::min(text.find(' '), text.size());
        if (field == 3 && (text[0] == 'Z' || text[0] == 'X')) return std::nullopt;
        if (field == 22) {
            std::uint64_t ticks = 0;
            const auto [last, error] = std::from_chars(text.data(), text.data() + end, ticks);
            if (error != std::errc{} || last != text.data() + end) return std::nullopt;
            return ticks;
        }
        text.remove_prefix(end);
    }
    return std::nullopt;
}

std::optional<Spawned> open_process(pid_t pid, std::uint64_t start_ticks) {
    if (pid <= 1) return std::nullopt;
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    // The ticks are read after the pidfd: when they match, the pidfd is of that process.
    if (!pidfd || start_ticks_of(pid) != start_ticks) return std::nullopt;
    return Spawned{pid, std::move(pidfd)};
}

bool kill_group_of_children(pid_t group) noexcept {
    if (group <= 1) return false;
    siginfo_t info{};
    if (::waitid(P_PGID, static_cast<id_t>(group), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return false;
    return ::kill(-group, SIGKILL) == 0;
}

bool has_children_in_group(pid_t group) noexcept {
    siginfo_t info{};
    return group > 1 && ::waitid(P_PGID, static_cast<id_t>(group), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

}  // namespace emperor::process
