// SPDX-License-Identifier: Apache-2.0
// What the worker pool (worker_pool.h) is told and what it commands: plain values. A place is what one process occupies:
// worker `slot` (1..N) in lane 0 or 1. Two lanes, because the replacement of worker k starts while the old one drains.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/exit_status.h"

namespace vassal::master {

using common::Duration;
using common::ExitStatus;
using common::TimePoint;

struct Place {
    int slot = 0;
    int lane = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
};

// Each process draws its own bounds: up to `jitter` percent below these, so that workers do not leave together.
struct RecycleOptions {
    std::uint64_t max_requests = 0;  // 0: no bound
    Duration max_age{};              // zero: no bound
    int jitter = 0;                  // percent
    friend bool operator==(const RecycleOptions&, const RecycleOptions&) = default;
};

struct PoolOptions {
    int workers = 1;      // at most
    int workers_min = 0;  // at least, and at the start; 0: as many as `workers`
    int threads = 1;
    Duration drain{}, kill{};                             // timeouts.*
    Duration start{};                                     // of a replacement; zero: none
    Duration patience{};                                  // of a planned drain, which cuts no request off
    Duration backoff_initial{}, backoff_max{}, stable{};  // restart.*
    RecycleOptions recycle;
    std::uint32_t jitter_seed = 0;
};

// How long a process has to be gone after a signal that should end it.
inline constexpr Duration abort_grace = std::chrono::seconds(1);
// How long a process may live on that closed its link: an exiting one closes it a moment before it is gone.
inline constexpr Duration link_grace = std::chrono::milliseconds(250);

// Why a worker did not start.
struct StartFailure {
    std::string step, reason, detail;
    friend bool operator==(const StartFailure&, const StartFailure&) = default;
};

// ReportExited::retry of a replacement that is not tried again.
inline constexpr Duration never = std::chrono::milliseconds(-1);

// ---- events --------------------------------------------------------------------------------------------------------
struct Begin { std::optional<TimePoint> deadline; };         // of the generation's start
struct WorkerForked { Place at; std::int32_t pid; };
struct WorkerReady { Place at; };
struct WorkerFailed { Place at; StartFailure failure; };     // its last word; its exit follows
struct WorkerExited { Place at; ExitStatus status; };        // also: could not be forked (status unknown)
struct PromoteRequested {};
struct StopRequested { bool graceful; };
struct RequestTimedOut { Place at; int thread; std::uint64_t sequence; std::string reason; };
struct RequestReturned { Place at; int thread; };            // one that timed out has ended after all
struct RecycleDue { Place at; std::string reason; };         // this process has served enough
// Replace all, one after the other. Where the first one fails: retried with backoff, or given up until the next request.
struct RollRequested { std::string reason; bool is_retried = true; };
struct WorkersWanted { int count; };                         // between workers_min and workers
struct LinkLost { Place at; };                               // it closed its link and lives on
struct WorkerProbing { Place at; std::string failure; };      // its health check begins; what the last attempt failed of
struct TimePassed {};                                        // deadline() is reached
struct SuspendRequested {};                                  // accept nothing, until ResumeRequested
struct ResumeRequested {};
struct Reconfigured { PoolOptions options; };                // other bounds from now on, also more or fewer workers
using PoolEvent = std::variant<Begin, WorkerForked, WorkerReady, WorkerFailed, WorkerExited, PromoteRequested, StopRequested,
                               RequestTimedOut, RequestReturned, RecycleDue, RollRequested, WorkersWanted, LinkLost, TimePassed,
                               SuspendRequested, ResumeRequested, Reconfigured, WorkerProbing>;

// ---- commands ------------------------------------------------------------------------------------------------------
struct Fork { Place at; bool operator==(const Fork&) const = default; };
struct SendPromote { Place at; bool operator==(const SendPromote&) const = default; };
struct SendDrain { Place at; Duration patience; bool operator==(const SendDrain&) const = default; };
struct SendStop { Place at; bool operator==(const SendStop&) const = default; };
// The thread answers for its request, and serves no more: see request_timeout_signal().
struct Interrupt { Place at; int thread; std::uint64_t sequence; bool operator==(const Interrupt&) const = default; };
struct Kill { Place at; bool operator==(const Kill&) const = default; };
struct ReportReady { bool operator==(const ReportReady&) const = default; };
struct ReportPromoted { bool operator==(const ReportPromoted&) const = default; };
struct ReportFailed { StartFailure failure; bool operator==(const ReportFailed&) const = default; };
struct ReportStarted { Place at; std::int32_t pid; bool operator==(const ReportStarted&) const = default; };
struct ReportExited {
    Place at;
    ExitStatus status;
    std::string reason;
    bool is_expected;
    bool is_timeout;
    Duration retry;
    bool operator==(const ReportExited&) const = default;
};
struct ReportServing {
    bool is_serving;
    std::string reason;
    Duration retry;
    bool operator==(const ReportServing&) const = default;
};
struct Finished { int code; bool operator==(const Finished&) const = default; };  // nothing is left
struct InterruptAll { Place at; bool operator==(const InterruptAll&) const = default; };  // whatever is in a request
struct SendSuspend { Place at; bool operator==(const SendSuspend&) const = default; };
struct ReportResumed { bool operator==(const ReportResumed&) const = default; };
// Of the last RollRequested: nobody serves any more who was there before it.
struct ReportRolled { bool operator==(const ReportRolled&) const = default; };
// A replacement for it failed. The old process serves on.
struct ReportRollStalled { std::string reason; Duration retry; bool operator==(const ReportRollStalled&) const = default; };
using PoolCommand = std::variant<Fork, SendPromote, SendDrain, SendStop, Interrupt, InterruptAll, Kill, ReportReady,
                                 ReportPromoted, ReportFailed, ReportStarted, ReportExited, ReportServing, Finished,
                                 SendSuspend, ReportResumed, ReportRolled, ReportRollStalled>;
using PoolCommands = std::vector<PoolCommand>;

}  // namespace vassal::master
