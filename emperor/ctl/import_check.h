// SPDX-License-Identifier: Apache-2.0
// `emperorctl check --import`: really imports an app, in a throwaway process with the app's user, groups, umask, venv,
// directory and environment, within timeouts.start. No listener, no before_start, no process left behind.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "emperor/ctl/check.h"

namespace emperor::ctl {

struct ImportOutcome {
    bool ok = false;
    std::int64_t took_ms = 0;
    std::string step, reason, detail;  // of a failure; `detail` is the traceback
};

// `vassal` is the program that embeds Python. What the app prints goes to our standard error.
[[nodiscard]] ImportOutcome import_app(const Importable& app, const std::string& vassal, std::chrono::milliseconds limit);

// The one beside this program.
[[nodiscard]] std::string vassal_program();

}  // namespace emperor::ctl
