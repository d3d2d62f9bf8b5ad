// SPDX-License-Identifier: Apache-2.0
// The stats documents. Pure: views, facts and samples in, JSON text out. Fields that uWSGI has keep uWSGI's name, meaning
// and type (every number an integer: its Go client refuses a whole scrape over one float or boolean); everything richer
// stands under keys that uWSGI does not know, and only there may a value be null, a boolean or an object.
// docs/stats.md explains every key, docs/stats.schema.json has their types.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "emperor/fleet/fleet_api.h"
#include "emperor/stats/process_samples.h"
#include "emperor/stats/sock_diag.h"
#include "emperor/stats/vassal_track.h"

namespace emperor::stats {

// What the documents need besides views and facts: looked up by the caller, so that the documents stay pure.
struct Samples {
    std::function<const ProcessSample&(pid_t)> process;
    std::function<ListenQueue(int)> queue;
    std::function<std::int64_t(const std::string&)> modified;  // a file's mtime, epoch seconds; 0: unknown
    std::int64_t now_us = 0;            // epoch
    std::int64_t monotonic_us = 0;      // CLOCK_MONOTONIC, as in the scoreboard's request_started_us
    uid_t uid = 0;                      // of the emperor
    gid_t gid = 0;
    std::string cwd;
};

// One vassal as it stands.
struct Subject {
    const fleet::VassalView& view;
    const VassalFacts& facts;
    std::span<const ListenQueue> queues;  // of view.listeners, in their order
};

[[nodiscard]] std::vector<ListenQueue> queues_of(const fleet::VassalView& view, const Samples& samples);
[[nodiscard]] std::int64_t waiting_in(std::span<const ListenQueue> queues) noexcept;

enum class Detail { plain, per_worker };  // per_worker: durations and sampled figures of each worker too

// uWSGI's instance schema. Worker ids are 1, 2, 3…
[[nodiscard]] std::string vassal_document(const Subject& subject, const fleet::FleetApi::Self& self, const Samples& samples,
                                          Detail detail);

// One vassal's parts of the fleet document. Its workers get the ids first_worker_id + 1, … so that ids are unique in the
// fleet, and stay the same from scrape to scrape.
struct Member {
    std::string vassal;     // an object
    std::string blacklist;  // objects with commas between them, perhaps none
    std::string sockets;
    std::string workers;
    std::int64_t waiting = 0;
    std::size_t hash = 0;   // the same: nothing changed but pss and the age of samples
};
[[nodiscard]] Member member_of(const Subject& subject, std::int64_t first_worker_id, const Samples& samples, Detail detail);

// Which revision of the fleet this is, and what the reader knows already.
struct Revision {
    std::uint64_t number = 0;
    std::uint64_t since = 0;              // 0: everything is in the document
    std::vector<std::string> names;       // of all vassals, where not all are in the document
};

// uWSGI's Emperor schema (`vassals`), and beside it `workers` and `sockets` of these vassals, each with its `vassal`.
[[nodiscard]] std::string fleet_document(std::span<const Member* const> members, std::int64_t waiting, const Revision& revision,
                                         const fleet::FleetApi::Self& self, const Samples& samples);

}  // namespace emperor::stats
