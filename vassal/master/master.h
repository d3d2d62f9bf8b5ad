// SPDX-License-Identifier: Apache-2.0
// The supervising process of one generation. Owned by fork_loop()'s caller; runs as the vassal's user on Boost.Asio,
// never initialises Python and never runs application code. It does not fork either: run() returns what main() is to
// fork, so that a child starts on a shallow stack with no handler below it.
//
//   waiting ── start ──→ preparing ──→ running (worker_pool.h) ──→ finished
//   (stand-alone: at once)  environment, before_start
//
// Files: master.cpp (life, signals, reaping), master_start.cpp (up to the first fork), master_pool.cpp (what the pool
// commands), master_workers.cpp (what the workers do), master_tick.cpp (what is looked at while requests run),
// master_mold.cpp (forks through a mold), master_emperor.cpp (the link, adoption), master_hold.cpp (clients that nobody
// can serve), master_reconfigure.cpp (another configuration for the running generation).
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "common/base/unique_fd.h"
#include "common/link/messages.h"
#include "vassal/master/generation.h"
#include "vassal/master/pool_types.h"

namespace vassal::master {

// The child's ends of its channel to the master and of its output.
struct ChildEnds {
    common::UniqueFd link, out, err;
};
struct ForkWorker {
    Place place;
    ChildEnds ends;
};
struct ForkMold {
    ChildEnds ends;
};
struct RunCommand {  // before_start, by `sh -c`; no link
    std::string command;
    ChildEnds ends;
};
struct Exit {
    int code = 0;
};
using Outcome = std::variant<ForkWorker, ForkMold, RunCommand, Exit>;

struct MasterOptions {
    common::UniqueFd link;                 // to the emperor; none when stand-alone
    std::optional<Generation> standalone;  // complete but for prepare()
    // Sees what is said to the emperor; the stand-alone program prints it.
    std::function<void(const common::link::MasterMessage&)> observer;
    // The generation is known; the program names its process after it.
    std::function<void(const Generation&)> on_begin;
    // There is no generation to begin: this is a hold process, for the vassal of that name.
    std::function<void(const std::string&)> on_hold;
};

class Master {
public:
    explicit Master(MasterOptions options);
    ~Master();
    Master(const Master&) = delete;
    Master& operator=(const Master&) = delete;

    // Runs until something must be forked, or all is over.
    [[nodiscard]] Outcome run();

    // Around every fork, with all signals blocked. In the child nothing else of this object may be used afterwards but
    // generation().
    void before_fork();
    void after_fork_in_parent();
    void after_fork_in_child();
    // The outcome's child runs as `pid`, or could not be forked (`number` is errno).
    void forked(const Outcome& outcome, pid_t pid, int number);

    // Valid from the first outcome but Exit on.
    [[nodiscard]] const Generation& generation() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vassal::master
