// SPDX-License-Identifier: Apache-2.0
// The stats documents. Pure: views and samples in, JSON out. Fields that uWSGI has keep uWSGI's name, meaning and type
// (every number an integer: its Go client refuses a whole scrape over one float or boolean); everything richer stands
// under keys that uWSGI does not know, and only there may a value be null, a boolean or an object.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "emperor/fleet/fleet_api.h"
#include "emperor/stats/process_memory.h"
#include "emperor/stats/sock_diag.h"

namespace emperor::stats {

// What the documents need besides the views: looked up by the caller, so that the documents stay pure.
struct Samples {
    std::function<ProcessMemory(pid_t)> memory;
    std::function<ListenQueue(int)> queue;
    std::function<std::int64_t(const std::string&)> modified;  // a file's mtime, epoch seconds; 0: unknown
    std::int64_t now_us = 0;            // epoch
    std::int64_t monotonic_us = 0;      // CLOCK_MONOTONIC, as in the scoreboard's request_started_us
    uid_t uid = 0;                      // of the emperor
    gid_t gid = 0;
    std::string cwd;
};

// uWSGI's instance schema. Worker ids are 1, 2, 3…
[[nodiscard]] nlohmann::ordered_json vassal_document(const fleet::VassalView& view, const fleet::FleetApi::Self& self,
                                                     const Samples& samples);

// One vassal of the fleet document; its workers get the ids first_worker_id + 1, … so that ids are unique in the
// fleet, and stay the same from scrape to scrape.
struct Member {
    fleet::VassalView view;
    std::int64_t first_worker_id = 0;
};

// uWSGI's Emperor schema (`vassals`), and beside it `workers` and `sockets` of all vassals, each with its `vassal`.
[[nodiscard]] nlohmann::ordered_json fleet_document(const std::vector<Member>& members,
                                                    const fleet::FleetApi::Self& self, const Samples& samples);

// Text with invalid UTF-8 (an app's log or request line) replaced, never an exception.
[[nodiscard]] std::string to_text(const nlohmann::ordered_json& document);

}  // namespace emperor::stats
