// SPDX-License-Identifier: Apache-2.0
// The loop of a master's main(): run the master, fork what it asks for, until it is over. Called by main() directly,
// because a forked child continues from here and its stack should be shallow. A child's role is a function that main()
// brings along, so that the master needs to know neither Python nor the worker.
#pragma once

#include <functional>
#include <string>

#include "vassal/master/master.h"

namespace vassal::master {

// What a child owns when its role begins: standard output and error are its pipes, standard input is /dev/null, signals
// are as in a fresh process (but SIGPIPE is ignored, as Python does), and nothing is open but `link` and the listeners.
struct Child {
    const Generation& generation;
    int link;
    int worker;  // 1..N; 0: the mold
    int lane;    // of the scoreboard
};

struct Roles {
    std::function<int(const Child&)> worker;
    std::function<int(const Child&)> mold;
};

// Returns the exit code of the master. The children _exit with what their role returns.
[[nodiscard]] int fork_loop(Master& master, const Roles& roles);

}  // namespace vassal::master
