// SPDX-License-Identifier: Apache-2.0
// The workers of one generation: who is started, promoted, replaced, drained and killed, and when. Pure: events and the
// time in, commands out; owned and fed by Master, which never calls it re-entrantly. It never looks at a clock, a
// process or the scoreboard.
//
// The pool:   idle → starting → ready → serving → stopping → finished
//   starting, ready: any failure of any worker fails the whole start (ReportFailed, kill all, finished with code 1).
//   serving: a worker that ends by itself is replaced: at once the first time, then after a backoff that doubles with
//            jitter. A worker that served `stable` long starts the count anew; one that was ended because of a request
//            timeout is replaced at once and not counted.
//   stopping: drain; after `drain` or a fast stop a Stop message; after `kill` or one more fast stop SIGKILL, repeated
//             until nobody is left.
//
// A slot (1..N):
//   state     Begin/timer   Ready          Exited              Stop graceful   Stop fast
//   empty     → starting    -              -                   -               -
//   starting  (late: kill)  → ready        fail | → backoff    kill            kill
//   ready     -             -              fail                drain           stop
//   serving   -             -              → starting|backoff  drain           stop
//   draining  -             -              → empty             -               stop
//   ending    kill          -              → starting|empty    kill goes on    kill
//   backoff   → starting    -              -                   → empty         → empty
// A replacement that gets ready while serving is promoted at once. `ending`: told to die (timeout, lost link, stop).
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/exit_status.h"

namespace vassal::master {

using common::Duration;
using common::ExitStatus;
using common::TimePoint;

struct PoolOptions {
    int workers = 1;
    Duration drain{}, kill{};                          // timeouts.*
    Duration start{};                                  // of a replacement; zero: none
    Duration backoff_initial{}, backoff_max{}, stable{};  // restart.*
    std::uint32_t jitter_seed = 0;
};

// How long a worker has between SIGABRT (dumps its tracebacks) and SIGKILL.
inline constexpr Duration abort_grace = std::chrono::seconds(1);

// Why a worker did not start.
struct StartFailure {
    std::string step, reason, detail;
    friend bool operator==(const StartFailure&, const StartFailure&) = default;
};

// ---- events --------------------------------------------------------------------------------------------------------
struct Begin { std::optional<TimePoint> deadline; };         // of the generation's start
struct WorkerForked { int slot; std::int32_t pid; };
struct WorkerReady { int slot; };
struct WorkerFailed { int slot; StartFailure failure; };     // its last word; its exit follows
struct WorkerExited { int slot; ExitStatus status; };        // also: could not be forked (status unknown)
struct PromoteRequested {};
struct StopRequested { bool graceful; };
struct RequestTimedOut { int slot; std::string reason; };
struct LinkLost { int slot; };                               // it closed its link and lives on
struct TimerFired { int slot; };                             // 0: the pool's own
using PoolEvent = std::variant<Begin, WorkerForked, WorkerReady, WorkerFailed, WorkerExited, PromoteRequested,
                               StopRequested, RequestTimedOut, LinkLost, TimerFired>;

// ---- commands ------------------------------------------------------------------------------------------------------
struct Fork { int slot; bool operator==(const Fork&) const = default; };
struct SendPromote { int slot; bool operator==(const SendPromote&) const = default; };
struct SendDrain { int slot; bool operator==(const SendDrain&) const = default; };
struct SendStop { int slot; bool operator==(const SendStop&) const = default; };
struct Abort { int slot; bool operator==(const Abort&) const = default; };  // SIGABRT: tracebacks to its stderr
struct Kill { int slot; bool operator==(const Kill&) const = default; };
struct ArmTimer { int slot; TimePoint deadline; bool operator==(const ArmTimer&) const = default; };  // replaces
struct DisarmTimer { int slot; bool operator==(const DisarmTimer&) const = default; };
struct ReportReady { bool operator==(const ReportReady&) const = default; };
struct ReportPromoted { bool operator==(const ReportPromoted&) const = default; };
struct ReportFailed { StartFailure failure; bool operator==(const ReportFailed&) const = default; };
struct ReportStarted { int slot; std::int32_t pid; bool operator==(const ReportStarted&) const = default; };
struct ReportExited {
    int slot;
    ExitStatus status;
    std::string reason;
    bool is_expected;
    bool is_timeout;
    Duration retry;
    bool operator==(const ReportExited&) const = default;
};
struct ReportServing { bool is_serving; std::string reason; Duration retry; bool operator==(const ReportServing&) const = default; };
struct Finished { int code; bool operator==(const Finished&) const = default; };  // nothing is left
using PoolCommand = std::variant<Fork, SendPromote, SendDrain, SendStop, Abort, Kill, ArmTimer, DisarmTimer, ReportReady,
                                 ReportPromoted, ReportFailed, ReportStarted, ReportExited, ReportServing, Finished>;
using PoolCommands = std::vector<PoolCommand>;

enum class PoolState { idle, starting, ready, serving, stopping, finished };
enum class SlotState { empty, starting, ready, serving, draining, ending, backoff };

class WorkerPool {
public:
    explicit WorkerPool(const PoolOptions& options);

    // Returns what the caller must do now, in order.
    [[nodiscard]] PoolCommands on(const PoolEvent& event, TimePoint now);

    [[nodiscard]] PoolState state() const noexcept { return state_; }
    [[nodiscard]] SlotState slot_state(int slot) const noexcept { return at(slot).state; }
    [[nodiscard]] int workers() const noexcept { return static_cast<int>(slots_.size()); }

private:
    struct Slot {
        SlotState state = SlotState::empty;
        bool is_replacement = false;          // forked while serving
        bool is_link_lost = false;
        unsigned crashes = 0;                 // in a row
        TimePoint serving_since{};
        std::optional<StartFailure> failure;  // its last words
        std::string timeout_reason;           // request timeout: not a crash
        std::string end_reason;               // why we ended it
    };

    void handle(const Begin& event);
    void handle(const WorkerForked& event);
    void handle(const WorkerReady& event);
    void handle(const WorkerFailed& event);
    void handle(const WorkerExited& event);
    void handle(const PromoteRequested& event);
    void handle(const StopRequested& event);
    void handle(const RequestTimedOut& event);
    void handle(const LinkLost& event);
    void handle(const TimerFired& event);

    void fork(int slot);
    void serve(int slot);
    void replace(int slot, const ExitStatus& status);
    void fail_start(StartFailure failure);
    void kill_all();
    void stop_all();
    void finish_when_empty();
    void report_serving();
    [[nodiscard]] Duration backoff(unsigned crashes);
    [[nodiscard]] std::string reason_of(const Slot& slot, const ExitStatus& status) const;
    [[nodiscard]] Slot& at(int slot) { return slots_.at(static_cast<std::size_t>(slot) - 1); }
    [[nodiscard]] const Slot& at(int slot) const { return slots_.at(static_cast<std::size_t>(slot) - 1); }
    void command(PoolCommand command) { commands_.push_back(std::move(command)); }

    PoolOptions options_;
    std::vector<Slot> slots_;
    PoolState state_ = PoolState::idle;
    bool is_ending_ = false;      // stopping: drain is over, SIGKILL comes next
    bool is_serving_ = true;      // as last reported
    int exit_code_ = 0;
    std::string last_reason_;     // of the newest crash
    std::mt19937 random_;
    TimePoint now_{};
    PoolCommands commands_;       // of the event at hand
};

}  // namespace vassal::master
