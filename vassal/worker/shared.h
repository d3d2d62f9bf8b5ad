// SPDX-License-Identifier: Apache-2.0
// What all threads of a worker share. Made and owned by run_worker(), constant but for the reactor, the gate and the
// connection slots, which do their own synchronisation.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "common/access/format.h"
#include "vassal/protocol/protocol.h"
#include "vassal/protocol/trusted_proxies.h"
#include "vassal/worker/connection_pool.h"
#include "vassal/worker/gate.h"
#include "vassal/worker/reactor.h"
#include "vassal/worker/worker.h"

namespace vassal::worker {

struct Shared {
    Shared(const WorkerOptions& worker_options, app::Application& the_application, protocol::TrustedProxies proxies);

    // Closes the connections that a Stop or the end of a drain left open.
    ~Shared();
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;

    // Zero is "off": never.
    [[nodiscard]] static std::int64_t after(std::int64_t now_us, common::config::Milliseconds timeout) noexcept {
        return timeout.count() == 0 ? INT64_MAX : now_us + timeout.count() * 1000;
    }

    const WorkerOptions options;
    const common::config::VassalConfig& config;
    app::Application& application;
    const protocol::TrustedProxies trusted;
    const protocol::Limits limits;
    const int threads;
    const std::optional<common::access::Format> access_format;  // of the access log, when it is on
    Reactor reactor;
    ConnectionPool connections;
    Gate gate;
    std::atomic<int> stuck_with_lock{0};         // of the stuck threads (gate.h): who held the interpreter lock
    std::atomic<std::int64_t> last_dump_us{0};  // of all tracebacks
    std::atomic<bool> is_forked_child{false};  // set by fork_guard.h in a child that the app forked
};

}  // namespace vassal::worker
