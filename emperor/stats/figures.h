// SPDX-License-Identifier: Apache-2.0
// What a vassal's scoreboard says, summed up: shared by the stats documents and the control answers. Values only; the
// scoreboard is a tenant's to write, so every figure is clamped to what a signed 64-bit integer holds.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/scoreboard/scoreboard.h"
#include "emperor/fleet/fleet_api.h"

namespace emperor::stats {

using common::scoreboard::WorkerFigures;

struct VassalFigures {
    std::vector<WorkerFigures> workers;  // the configured slots, and any other that has a process
    int configured = 0;                  // workers wanted by the configuration, at most
    int least = 0;                       // at least; the same unless a range is configured
    int wanted = 0;                      // at present, within that range
    int serving = 0;
    int busy = 0;
    // Since the vassal began, over every slot that was ever used.
    std::int64_t requests = 0, exceptions = 0, bytes_out = 0, bytes_in = 0, busy_us = 0;
    std::int64_t write_errors = 0, read_errors = 0, client_aborts = 0, timeouts = 0, crashes = 0;
    std::int64_t signal_deaths = 0, oom_kills = 0, recycled_requests = 0, recycled_memory = 0, recycled_age = 0;
    std::int64_t log_dropped = 0, log_file_dropped = 0, log_journal_dropped = 0, access_dropped = 0;  // lines
    std::int64_t status_classes[5] = {};
};

// The configured slots, and those above that a former, larger configuration used: their counters belong to the sums.
[[nodiscard]] int used_slots(const fleet::VassalView& view) noexcept;
[[nodiscard]] VassalFigures figures_of(const fleet::VassalView& view);

// The largest that uWSGI's clients decode (Go's int); larger garbage becomes that.
[[nodiscard]] std::int64_t clamp(std::uint64_t value) noexcept;

[[nodiscard]] bool is_busy(const WorkerFigures& worker) noexcept;
[[nodiscard]] std::string_view name_of(common::scoreboard::WorkerState state) noexcept;

// The app answers requests now, whatever else goes on (a reload, a rejected edit).
[[nodiscard]] bool is_serving(const fleet::VassalView& view) noexcept;
// The instance that serves; null when none does.
[[nodiscard]] const fleet::InstanceView* active_instance(const fleet::VassalView& view) noexcept;

}  // namespace emperor::stats
