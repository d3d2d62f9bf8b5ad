// SPDX-License-Identifier: Apache-2.0
// What a process that runs the app needs to know of its generation, whichever way it was forked. Borrowed from main(),
// which outlives every run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/access/ring.h"
#include "common/config/vassal_config.h"
#include "common/scoreboard/layout.h"
#include "vassal/link/activity.h"
#include "vassal/python/interpreter.h"
#include "vassal/worker/worker.h"

namespace vassal::mold {

struct Shop {
    std::string name;
    std::uint32_t generation = 1;
    const common::config::VassalConfig* config = nullptr;
    const std::vector<std::string>* environment = nullptr;  // "KEY=value", the whole of it
    bool is_dev = false;                                    // tracebacks are shown to clients
    std::string venv;                                       // resolved
    std::vector<std::string> python_path;                   // resolved
    std::vector<worker::WorkerListener> listeners;
    const files::Site* site = nullptr;  // null: no `static`
    common::scoreboard::Board* board = nullptr;
    int bank = 0;
    const common::access::Rings* access_rings = nullptr;  // null: no access log
    const link::Activity* activity = nullptr;  // null: nobody listens

    std::function<void(std::string_view role)> set_title;  // "worker 2", "mold"
    std::function<std::unique_ptr<python::Interpreter>(const python::InterpreterOptions&, python::LoadFailure&)>
        start_interpreter;
    std::function<int(const worker::WorkerOptions&, app::Application&)> run_worker;
};

}  // namespace vassal::mold
