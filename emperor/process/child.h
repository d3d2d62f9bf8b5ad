// SPDX-License-Identifier: Apache-2.0
// One process that the emperor watches, held by a pidfd from spawn (or adoption) to its end. Reports the exit once, from
// the event loop. An adopted process is not our child: its status cannot be waited for and is `unknown`.
// Owned by the fleet's instance. Destroying a Child neither ends nor reaps the process; the Reaper does that then.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "common/base/exit_status.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "emperor/process/spawn.h"

namespace emperor::process {

class Child {
public:
    using OnExit = std::function<void(const common::ExitStatus&)>;

    // `on_exit` is called once, from the event loop, unless the Child is destroyed first.
    Child(boost::asio::io_context& io, Spawned process, OnExit on_exit);
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // Whether a Child that lives waits for this process: its status is nobody else's to take.
    [[nodiscard]] static bool is_watched(pid_t pid) noexcept;

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] bool has_exited() const noexcept { return has_exited_; }

    // By pidfd: never hits another process. False when it is gone.
    bool signal(int number) noexcept;

    // SIGKILL to the process and to what is left of its group (workers outlive a dead master by design).
    void kill_all() noexcept;

private:
    void wait();
    void collect();

    pid_t pid_;
    common::UniqueFd pidfd_;
    boost::asio::posix::stream_descriptor waiter_;
    OnExit on_exit_;
    std::shared_ptr<bool> alive_;  // second owner: the pending wait handler, which must notice our end
    bool has_exited_ = false;
};

// A handle on a process that somebody else started: its pidfd, if `pid` still is the process that began at
// `start_ticks` (field 22 of /proc/PID/stat; pid and ticks name a process for ever).
[[nodiscard]] std::optional<Spawned> open_process(pid_t pid, std::uint64_t start_ticks);
[[nodiscard]] std::optional<std::uint64_t> start_ticks_of(pid_t pid);

// SIGKILL to a process group, only when it holds a child of ours: an unreaped or living child pins the number, a
// reused one is never hit. False when nothing of ours is in it.
bool kill_group_of_children(pid_t group) noexcept;

// True while a living (not zombie) child of ours is in the group.
[[nodiscard]] bool has_children_in_group(pid_t group) noexcept;

}  // namespace emperor::process
