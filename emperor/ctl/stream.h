// SPDX-License-Identifier: Apache-2.0
// logs and events: a list of what there is, and with `follows` what comes after it, over restarts and upgrades of the
// emperor too. When the connection ends, it says so on standard error, waits for the next emperor and goes on where it was.
#pragma once

#include <functional>
#include <string>

#include "emperor/ctl/context.h"
#include "emperor/ctl/shown.h"

namespace emperor::ctl {

struct Stream {
    std::string command;            // of the control socket
    std::string list_key, item_key; // where its answer and its lines have them
    Json arguments = Json::object();
    std::size_t limit = 0;          // of the first list: its last ones that are wanted
    std::size_t kept = 0;           // how many of an app an emperor keeps
    bool follows = false;
    std::function<Item(const Json&)> item_of = {};
    std::function<bool(const Json&)> is_wanted = {};
    std::function<void(const Json&)> show = {};
};

// Returns the exit code; with `follows` only when the output is gone or no emperor came back within --timeout (60 s).
[[nodiscard]] int run_stream(const Context& context, const Stream& stream);

}  // namespace emperor::ctl
