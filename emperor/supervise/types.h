// SPDX-License-Identifier: Apache-2.0
// Words shared by the machines of this room. Values only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/exit_status.h"

namespace emperor::supervise {

using common::Duration;
using common::ExitStatus;
using common::TimePoint;
using Generation = std::uint32_t;

// One decoded configuration that may be started. Opaque to the machines but for the figures they need.
struct Spec {
    std::uint64_t id = 0;  // unique per decoded configuration: two edits never share one
    bool is_enabled = true;
    Duration start_timeout{};
    Duration drain_timeout{};
    Duration kill_timeout{};
    Duration restart_initial{}, restart_max{}, restart_stable{};
    bool is_on_demand = false;  // runs while there is something to do; idle_timeout is the shell's business
    Duration idle_timeout{};    // 0: once woken, it stays awake
    Duration restart_hold{};    // 0: clients of a vassal in backoff wait for ever
    Duration observe{};        // rollout.observe: how long the predecessor is kept warm; zero: not at all
    int max_error_rate = 100;  // percent, see error_bound.h
};
using SpecPtr = std::shared_ptr<const Spec>;

// What a start slot is asked for (start_gate.h): a first start or one after a crash; a generation beside the one that serves;
// another attempt at what failed again and again.
enum class Turn { start, rollout, retry };

enum class StopMode { graceful, fast };

// What carrying out a changed configuration takes, ascending: the same processes, other workers, another generation.
enum class Change { live, recycle, rollout };

// Why a start or a running instance failed, at which step ("spawn", "import", "timeout", "exit"…).
struct Failure {
    std::string step;
    std::string reason;
    std::string detail;  // traceback or output; may be empty

    // The reason, with the step where it would be taken for the app's without it.
    [[nodiscard]] std::string words() const { return step == "before_start" ? step + ": " + reason : reason; }

    friend bool operator==(const Failure&, const Failure&) = default;
};

// What made something happen, in an operator's words: "new file", "edited", "touched", "operator root: reload".
struct Cause {
    std::string text;

    friend bool operator==(const Cause&, const Cause&) = default;
};

// What the operator sees (DESIGN section 4); derived, never stored.
enum class DisplayState {
    running, starting, reloading, observing, rolled_back, stopping, stopped, sleeping, backoff, failed, invalid
};
[[nodiscard]] std::string_view name_of(DisplayState state) noexcept;

}  // namespace emperor::supervise
