// SPDX-License-Identifier: Apache-2.0
// The life of one worker process: import the app (unless it was forked from the mold, which did), serve, run Python's
// exit handlers. It runs in a process of its own and never returns into the master's or the mold's loop: the caller
// _exits with what it returns.
#pragma once

#include "vassal/mold/shop.h"

namespace vassal::mold {

// Which worker this process is.
struct Assignment {
    int worker = 0;  // 1..N
    int lane = 0;    // of the scoreboard
    int link = -1;   // the channel to the master
};

// Forked by the master: nothing of Python is there yet.
[[nodiscard]] int worker_main(const Shop& shop, const Assignment& assignment);

// Forked by the mold: the app is imported, and Python knows of the fork already.
[[nodiscard]] int forked_worker_main(const Shop& shop, const Assignment& assignment, python::Interpreter& interpreter);

// Makes `environment` the whole environment of this process. The strings must outlive it.
void use_environment(const std::vector<std::string>& environment);

// Starts Python and imports the app; null where that fails, after `on_failure` was told and exit handlers have run.
// `worker`: 0 in the mold.
[[nodiscard]] std::unique_ptr<python::Interpreter> load_app(const Shop& shop, int worker,
                                                            const std::function<void(python::LoadFailure)>& on_failure);

// Python's, of threading and atexit. They belong to the app and may hang; the process ends by SIGALRM then.
void run_exit_handlers(python::Interpreter& interpreter);

// Starts Python and imports the app; tells the master and returns null where that fails.
// `worker`: 0 in the mold.
[[nodiscard]] std::unique_ptr<python::Interpreter> import_app(const Shop& shop, int worker, int link);

}  // namespace vassal::mold
