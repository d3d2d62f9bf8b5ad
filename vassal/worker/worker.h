// SPDX-License-Identifier: Apache-2.0
// The loop of one worker process: threads × one epoll set, listeners, connections, the link to the master.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/access/ring.h"
#include "common/base/unique_fd.h"
#include "common/config/vassal_config.h"
#include "common/net/address.h"
#include "common/scoreboard/layout.h"
#include "vassal/app/application.h"
#include "vassal/link/activity.h"
#include "vassal/files/site.h"

namespace vassal::worker {

struct WorkerListener {
    int fd = -1;  // borrowed from main; shared with other workers, non-blocking
    common::net::Protocol protocol = common::net::Protocol::uwsgi;
    std::string server_name;  // SERVER_NAME and SERVER_PORT of HTTP requests without a Host
    std::string server_port;
};

struct WorkerOptions {
    const common::config::VassalConfig* config = nullptr;  // outlives the run
    std::vector<WorkerListener> listeners;
    const files::Site* site = nullptr;  // what is served without the app; null: nothing. Outlives the run
    common::scoreboard::WorkerSlot* slot = nullptr;  // this worker's; never null
    int worker = 0;                                  // 1..N, for people
    int link = -1;                                   // channel to the master (vassal/link/worker_messages.h)
    const common::access::Rings* access_rings = nullptr;  // null: no access log; outlives the run
    std::size_t access_set = 0;                           // which of them are this process's
    const link::Activity* activity = nullptr;        // null: the master wants to hear nothing; outlives the run
};

// Sends Ready, waits for Promote, serves until Drain + all done, Stop, or the end of the link (drains then, bounded by
// timeouts.drain). Returns when the process should run its exit handlers and _exit with the returned code.
// Called in the main thread, which holds the interpreter lock and becomes serving thread 0.
[[nodiscard]] int run_worker(const WorkerOptions& options, app::Application& application);

}  // namespace vassal::worker
