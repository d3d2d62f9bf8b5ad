// SPDX-License-Identifier: Apache-2.0
#include "emperor/process/orphans.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <unordered_map>
#include <utility>

#include "common/base/unique_fd.h"
#include "emperor/process/child.h"

namespace emperor::process {
namespace {

bool is_alive(pid_t pid) { return start_ticks_of(pid).has_value(); }

// The session is compared once more under the pidfd: the signal cannot reach a process that took over the number.
void kill_member(pid_t pid, pid_t session) {
    common::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (pidfd && ::getsid(pid) == session) ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
}

constexpr auto check_after = std::chrono::milliseconds(20);

// Calls visit(pid, session) for every process there is.
template <class Visit>
void for_each_process(Visit visit) {
    const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
    if (!proc) return;
    while (const dirent* entry = ::readdir(proc.get())) {
        pid_t pid = 0;
        const char* const end = entry->d_name + std::strlen(entry->d_name);
        const auto [last, error] = std::from_chars(entry->d_name, end, pid);
        if (error == std::errc{} && last == end) visit(pid, ::getsid(pid));
    }
}

// Zombies count. EPERM: somebody is there, as another user.
bool has_group(pid_t group) { return group > 1 && (::kill(-group, 0) == 0 || errno != ESRCH); }

}  // namespace

std::vector<pid_t> orphans_of(pid_t dead_leader) {
    std::vector<pid_t> members;
    if (dead_leader <= 1 || is_alive(dead_leader)) return members;
    for_each_process([&](pid_t pid, pid_t session) {
        if (session == dead_leader && pid != dead_leader && is_alive(pid)) members.push_back(pid);
    });
    return members;
}

bool has_orphan_that_runs(const std::string& program, pid_t dead_leader) {
    const std::vector<pid_t> members = orphans_of(dead_leader);
    return std::any_of(members.begin(), members.end(), [&](pid_t pid) {
        std::error_code code;
        const auto file = std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", code).filename().string();
        return file == program || file == program + " (deleted)";  // replaced by an upgrade
    });
}

Orphans::Orphans(boost::asio::io_context& io, std::function<void()> on_change)
    : timer_(io), check_timer_(io), on_change_(std::move(on_change)) {}

bool Orphans::add(pid_t leader, bool is_child, common::TimePoint deadline) {
    if (leader <= 1) return false;
    if (!has_group(leader)) {
        unchecked_.push_back({leader, is_child, deadline});
        if (!std::exchange(is_check_armed_, true)) check_timer_.arm_after(check_after, [this] { check(); });
        return false;
    }
    if (is_child ? !has_children_in_group(leader) && orphans_of(leader).empty() : orphans_of(leader).empty()) return false;
    groups_.push_back({leader, is_child, deadline});
    arm();
    return true;
}

void Orphans::check() {
    is_check_armed_ = false;
    std::unordered_map<pid_t, bool> has_members;
    for (const Group& group : unchecked_) has_members.emplace(group.leader, false);
    for_each_process([&](pid_t pid, pid_t session) {
        const auto found = has_members.find(session);
        if (found != has_members.end() && pid != session && is_alive(pid)) found->second = true;
    });
    for (const Group& group : std::exchange(unchecked_, {}))
        if (has_members[group.leader] && !is_alive(group.leader)) groups_.push_back(group);
    arm();
    on_change_();
}

void Orphans::kill_all() {
    if (!unchecked_.empty()) check();
    for (Group& group : groups_) group.deadline = {};
    if (!groups_.empty()) look();
}

// Only while there are orphans, which is seldom: children are asked for by one cheap call, others by a walk over /proc.
void Orphans::arm() {
    if (is_armed_ || groups_.empty()) return;
    is_armed_ = true;
    const bool are_children = std::all_of(groups_.begin(), groups_.end(), [](const Group& g) { return g.is_child; });
    timer_.arm_after(std::chrono::milliseconds(are_children ? 50 : 250), [this] {
        is_armed_ = false;
        look();
    });
}

void Orphans::look() {
    const auto now = common::Clock::now();
    std::erase_if(groups_, [now](const Group& group) {
        if (now >= group.deadline) {
            kill_group_of_children(group.leader);
            for (const pid_t pid : orphans_of(group.leader)) kill_member(pid, group.leader);
        }
        return !has_children_in_group(group.leader) && (group.is_child || orphans_of(group.leader).empty());
    });
    if (groups_.empty()) on_change_();
    else arm();
}

}  // namespace emperor::process
