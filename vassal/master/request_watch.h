// SPDX-License-Identifier: Apache-2.0
// timeouts.request: which workers sit in one request for too long. Pure but for reading the scoreboard; owned by Master.
//
// It needs no tick: a look at time t sees every request that runs, so nothing can expire before the earliest running
// request does, and nothing that begins later before t + timeout. An idle vassal is not looked at (activity_watch.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/scoreboard/layout.h"
#include "vassal/master/pool_types.h"

namespace vassal::master {

struct WatchedWorker {
    Place at;
    const common::scoreboard::WorkerSlot* board = nullptr;
    std::span<const std::uint64_t> judged;  // per thread the sequence that was overdue before; 0 or missing: none
};

struct OverdueRequest {
    Place at;
    int thread = 0;
    std::uint64_t sequence = 0;
    std::uint64_t elapsed_us = 0;
    std::string request;  // "GET /slow"; untrusted bytes, made printable
};

struct ReturnedRequest {
    Place at;
    int thread = 0;
};

struct WatchResult {
    std::vector<ReturnedRequest> returned;  // judged before, and over
    std::vector<OverdueRequest> overdue;
    std::uint64_t next_look_us = 0;       // CLOCK_MONOTONIC
};

[[nodiscard]] WatchResult look_at_requests(std::span<const WatchedWorker> workers, int threads, std::uint64_t now_us,
                                           std::uint64_t timeout_us);

// "request timeout: GET /slow after 60 s"
[[nodiscard]] std::string timeout_text(const OverdueRequest& request);

}  // namespace vassal::master
