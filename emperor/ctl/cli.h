// SPDX-License-Identifier: Apache-2.0
// The command line of emperorctl: options, sub-commands, help, exit codes. It decides what to run and how to write, and
// knows nothing of what the commands do.
#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace emperor::ctl {

// What run() takes from the process, so that tests can stand in for it.
struct Surroundings {
    std::ostream& out;
    std::ostream& err;
    std::function<std::optional<std::string>(const char*)> variable;  // of the environment
    bool is_terminal = false;   // `out`
    std::size_t width = 0;      // of the terminal
    std::int64_t now_us = 0;    // epoch
};

// `arguments` without the program's name. Returns the exit code.
[[nodiscard]] int run(const std::vector<std::string>& arguments, const Surroundings& surroundings);

// Where an emperor of this user is to be found: --runtime-dir, else /run/emperor for root, else the user's own
// directory; a user without an emperor of their own is led to the system's.
[[nodiscard]] std::string default_runtime_dir(const Surroundings& surroundings, unsigned uid);

}  // namespace emperor::ctl
