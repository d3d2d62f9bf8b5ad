// SPDX-License-Identifier: Apache-2.0
// One vassal: what the operator wants against what the processes do. Pure: events and the time in, commands out.
// (The theory and the state × event tables belong here; see docs/design.md.)
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "emperor/supervise/types.h"

namespace emperor::supervise {

// ---- events --------------------------------------------------------------------------------------------------------

// A valid configuration is desired: the file is new, changed or touched. The shell opened its listeners already.
struct ConfigChanged { SpecPtr spec; Cause cause; };
// The file is there but cannot be used; `text` is the rendered headline. Never stops a running instance (I4).
struct ConfigInvalid { std::string text; };
struct ConfigRemoved {};
enum class Operation { start, stop, restart, reload };
// `ticket` comes back in OperationDone; several may wait.
struct OperatorRequest { Operation operation; std::uint64_t ticket; Cause cause; };
// The start gate lets this vassal spawn now (answer to AcquireStartSlot).
struct StartSlotGranted {};
struct InstanceSpawned { Generation generation; pid_t pid; };
struct InstanceSpawnFailed { Generation generation; Failure failure; };
struct InstanceStep { Generation generation; std::string step; };
struct InstanceReady { Generation generation; };
// The master said why it gives up; its exit follows.
struct InstanceFailed { Generation generation; Failure failure; };
struct InstancePromoted { Generation generation; };
// The master has no worker that can serve (all in backoff), or has again.
struct InstanceServing { Generation generation; bool is_serving; std::string reason; };
struct InstanceExited { Generation generation; ExitStatus status; };
struct TimerFired { Generation generation; };  // 0: the vassal's own timer (backoff); else that instance's deadline
struct ShutdownBegan { StopMode mode; };       // a second one with `fast` hurries
// A running instance of a former emperor, serving (or draining when `is_draining`).
struct InstanceAdopted { Generation generation; int bank; SpecPtr spec; pid_t pid; bool is_draining; };

using VassalEvent = std::variant<ConfigChanged, ConfigInvalid, ConfigRemoved, OperatorRequest, StartSlotGranted,
                                 InstanceSpawned, InstanceSpawnFailed, InstanceStep, InstanceReady, InstanceFailed,
                                 InstancePromoted, InstanceServing, InstanceExited, TimerFired, ShutdownBegan,
                                 InstanceAdopted>;

// ---- commands ------------------------------------------------------------------------------------------------------

struct AcquireStartSlot {};  // answered by StartSlotGranted, maybe later
struct ReleaseStartSlot {};  // also withdraws a request that was not granted yet
struct Spawn { Generation generation; int bank; SpecPtr spec; bool operator==(const Spawn&) const = default; };
struct SendPromote { Generation generation; bool operator==(const SendPromote&) const = default; };
struct SendStop { Generation generation; StopMode mode; std::string reason; bool operator==(const SendStop&) const = default; };
struct Kill { Generation generation; bool operator==(const Kill&) const = default; };  // SIGKILL master and its workers
struct ArmTimer { Generation generation; TimePoint deadline; bool operator==(const ArmTimer&) const = default; };  // replaces; 0: the vassal's own
struct DisarmTimer { Generation generation; bool operator==(const DisarmTimer&) const = default; };
// The spec that serves from now on: listeners of no other live spec may be closed.
struct Activated { Generation generation; bool operator==(const Activated&) const = default; };
struct OperationDone { std::uint64_t ticket; bool ok; Failure failure; bool operator==(const OperationDone&) const = default; };
// A lifecycle change worth one log line and one history entry.
struct Report {
    enum class Kind { starting, running, reloading, reloaded, reload_failed, start_failed, crashed, backoff, stopping, stopped, removed, invalid, degraded, recovered };
    Kind kind;
    Generation generation = 0;
    std::string text;
    bool operator==(const Report&) const = default;
};
// Removed from disk and nothing is left of it: the shell may forget the vassal.
struct Forget { bool operator==(const Forget&) const = default; };

using Command = std::variant<AcquireStartSlot, ReleaseStartSlot, Spawn, SendPromote, SendStop, Kill, ArmTimer,
                             DisarmTimer, Activated, OperationDone, Report, Forget>;
using Commands = std::vector<Command>;

// What an operator is told about the machine; every field is derived from its state.
struct VassalStatus {
    DisplayState state = DisplayState::stopped;
    std::string reason;  // why it is not simply running: the failure, "stopped by operator root", the step of a start
    Generation active = 0;     // 0: none
    Generation successor = 0;  // 0: none
    int active_bank = 0;
    bool is_held = false;      // `stop` holds until `start`, over emperor restarts and touches
    unsigned crashes = 0;      // in a row, since the last success
    std::optional<TimePoint> retry_at;
    std::optional<Failure> last_reload_failure;  // of the newest attempt; cleared by a success
    std::string last_reload;   // "" never, "ok", "failed: REASON"
};

class VassalFsm {
public:
    // `jitter_seed` makes the backoff's jitter reproducible.
    explicit VassalFsm(std::uint32_t jitter_seed, bool is_held = false);

    // Returns what the caller must do now, in order. Never call it re-entrantly: queue events that commands cause.
    [[nodiscard]] Commands on(const VassalEvent& event, TimePoint now);

    [[nodiscard]] VassalStatus status() const;
};

}  // namespace emperor::supervise
