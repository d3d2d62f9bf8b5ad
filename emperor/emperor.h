// SPDX-License-Identifier: Apache-2.0
// The emperor: the event loop, the fleet, the control and stats sockets and the signals, wired together. Decides nothing
// about vassals. Owned by main.
#pragma once

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <optional>

#include "emperor/control/server.h"
#include "emperor/fleet/fleet.h"
#include "emperor/options.h"
#include "emperor/runtime_dir.h"
#include "emperor/stats/server.h"
#include "emperor/upgrade.h"

namespace emperor {

class Emperor {
public:
    // `open_files` is the limit that the process was started with, `arguments` its argv.
    Emperor(const Options& options, RuntimeDir runtime_dir, rlimit open_files, std::vector<std::string> arguments);

    // Until it is told to end; the exit code of the program.
    int run();

private:
    void wait_for_signal();
    void on_signal(int number);
    void shut_down();
    void upgrade(std::function<void(const common::Result<void>&)> done);

    Options options_;
    RuntimeDir runtime_dir_;
    boost::asio::io_context io_;
    fleet::Fleet fleet_;
    std::optional<control::Server> control_;  // before the fleet in its end: it talks to it
    std::optional<stats::Server> stats_;
    boost::asio::signal_set signals_;
    Upgrade upgrade_;
    process::Timer upgrade_timer_;
    int stop_requests_ = 0;
    bool is_upgrading_ = false;
};

// `emperor --check`: every finding about every file on standard output; 0, or 2 when there are errors.
[[nodiscard]] int check(const Options& options);

// The path of the program that runs.
[[nodiscard]] std::string own_program();

// The `vassal` program: $EMPEROR_VASSAL, else beside our own.
[[nodiscard]] std::string vassal_program();

}  // namespace emperor
