// SPDX-License-Identifier: Apache-2.0
// Starts one program: fork and exec, with everything that may allocate or fail slowly computed before the fork. The
// child makes async-signal-safe calls only and tells over a CLOEXEC pipe at which stage it failed and with which errno:
// "spawn: set user: Operation not permitted", never just "spawn failed".
//
// Own code rather than Boost.Process v2: the one of 1.81 has undefined behaviour in bind_fd, leaks descriptors, ends a
// failed child with exit() and has no staged errors; what remains of it here would be less than this file.
// The process is held by a pidfd from the start. Owned by nobody: the caller puts the result into a Child.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/config/verify.h"

namespace emperor::process {

// What the child does, in this order; the one that failed is named in the error.
enum class SpawnStage { session, parent, signals, descriptors, limits, groups, group, user, directory, exec };

[[nodiscard]] const char* name_of(SpawnStage stage) noexcept;

struct SpawnRequest {
    std::string program;                   // absolute path
    std::vector<std::string> arguments;    // argv, the name first
    std::vector<std::string> environment;  // "KEY=value"
    std::string directory;                 // "" stays where the emperor is
    std::vector<int> fds;                  // become 3, 4, … in the child; borrowed
    std::optional<common::config::Identity> identity;  // set: become this user (needs root)
    bool is_silent = false;                // stdout and stderr are /dev/null: the emperor's log is not a tenant's to write
    std::optional<rlimit> open_files;      // set: RLIMIT_NOFILE of the child
    bool ends_with_parent = false;         // it is killed when the thread that spawned it ends (prctl(2), PR_SET_PDEATHSIG)
};

struct Spawned {
    pid_t pid = 0;
    common::UniqueFd pidfd;
};

// The child leads a session and process group of its own, stdin is /dev/null, stdout and stderr are the emperor's
// standard error unless `is_silent`. Blocks until exec or failure, at most `exec_patience` (a dead network file
// system): then the child counts as started, and its start deadline decides.
[[nodiscard]] common::Result<Spawned> spawn(const SpawnRequest& request);

}  // namespace emperor::process
