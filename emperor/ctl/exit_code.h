// SPDX-License-Identifier: Apache-2.0
// emperorctl's exit codes; scripts rely on them.
#pragma once

namespace emperor::ctl {

enum class ExitCode {
    done = 0,
    failed = 1,         // the reason and the last log lines are on standard error
    usage = 2,          // or an invalid configuration
    not_running = 3,    // `status`: a named app does not serve
    not_permitted = 4,
    no_such_app = 5,
    timed_out = 6,      // the operation goes on
    not_reachable = 7   // no emperor answers
};

}  // namespace emperor::ctl
