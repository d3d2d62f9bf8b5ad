// SPDX-License-Identifier: Apache-2.0
// The emperor: the event loop, the fleet, the control and stats sockets, the dashboard, the signals and the service
// manager, wired together. Decides nothing about vassals. Owned by main.
#pragma once

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <optional>

#include "emperor/control/server.h"
#include "emperor/fleet/fleet.h"
#include "emperor/options.h"
#include "emperor/process/inherited.h"
#include "emperor/runtime_dir.h"
#include "emperor/service.h"
#include "emperor/stats/server.h"
#include "emperor/upgrade.h"
#include "emperor/web/server.h"

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
    [[nodiscard]] control::Options control_options() const;
    [[nodiscard]] stats::Options stats_options() const;
    [[nodiscard]] common::Result<void> open_sockets();
    [[nodiscard]] common::Result<void> open_dashboard();
    [[nodiscard]] common::Result<std::string> read_token() const;
    void look_at_token();
    void on_ready();
    void look_at_runtime_dir();
    void drain_log_soon();
    void upgrade(std::function<void(const common::Result<void>&)> done);

    Options options_;
    RuntimeDir runtime_dir_;
    process::InheritedSockets inherited_;
    boost::asio::io_context io_;
    fleet::Fleet fleet_;
    std::optional<control::Server> control_;  // before the fleet in its end: it talks to it
    std::optional<stats::Server> stats_;
    std::optional<web::Server> web_;  // before these three in its end, likewise
    boost::asio::signal_set signals_;
    Upgrade upgrade_;
    Service service_;
    process::Timer upgrade_timer_;
    process::Timer log_timer_;
    int stop_requests_ = 0;
    bool is_upgrading_ = false;
    bool is_ready_ = false;  // the first scan is over
    std::string runtime_dir_problem_;  // said already
    std::string token_;                // the last that could be read
    std::string token_problem_;        // said already
};

// `emperor --check`: every finding about every file on standard output; 0, or 2 when there are errors.
[[nodiscard]] int check(const Options& options);

// The path of the program that runs.
[[nodiscard]] std::string own_program();

// The `vassal` program: $EMPEROR_VASSAL, else beside our own.
[[nodiscard]] std::string vassal_program();

}  // namespace emperor
