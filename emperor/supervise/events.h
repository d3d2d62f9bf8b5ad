// SPDX-License-Identifier: Apache-2.0
// What happens to a vassal, as VassalFsm is told. Values only; the fleet makes them, nobody keeps them.
#pragma once

#include <sys/types.h>

#include <string>
#include <variant>

#include "emperor/supervise/types.h"

namespace emperor::supervise {

// A valid configuration is desired: the file is new, changed or touched. The shell opened its listeners already.
// `change` is what it takes to get there from the Spec that came before it.
struct ConfigChanged { SpecPtr spec; Cause cause; Change change = Change::rollout; };
// The file is there but cannot be used; `text` is the rendered headline. Never stops a running instance (I4).
struct ConfigInvalid { std::string text; };
struct ConfigRemoved {};
enum class Operation { start, stop, restart, reload, rollback };
// `ticket` comes back in OperationDone; several may wait. `last_good` is for rollback: what served before the
// configuration of now, with its listeners open; null when nothing did.
struct OperatorRequest { Operation operation; std::uint64_t ticket; Cause cause; SpecPtr last_good = nullptr; };
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
// A running instance of a former emperor: serving, or draining, or the standby of one that was adopted before it, to be
// observed for `observe_left` yet.
struct InstanceAdopted {
    Generation generation;
    int bank;
    SpecPtr spec;
    pid_t pid;
    bool is_draining;
    bool is_standby = false;
    Duration observe_left = {};
};
// What the observed generation answered since its promotion, as its scoreboard has it; told every second meanwhile.
struct Observed { Generation generation; std::uint64_t requests; std::uint64_t errors; };
// A former emperor went back from `desired`, the file as it still is, to `pinned`.
struct RollbackAdopted { SpecPtr desired; SpecPtr pinned; std::string reason; };
// A client waits at a listener of a vassal that is asleep.
struct Woken {};
// The instance had no request for idle_timeout and has none now.
struct Idle { Generation generation; };
// What became of a Reconfigure. taken: it is in force, its workers are being replaced; applied: all of it is done;
// stalled: a replacement failed (`reason`), the old worker serves on and the master tries again; refused: nothing changed.
struct InstanceReconfigured {
    enum class Outcome { taken, applied, stalled, refused };
    Generation generation;
    std::uint64_t spec;  // its id
    Outcome outcome;
    std::string reason;
};

using VassalEvent = std::variant<ConfigChanged, ConfigInvalid, ConfigRemoved, OperatorRequest, StartSlotGranted,
                                 InstanceSpawned, InstanceSpawnFailed, InstanceStep, InstanceReady, InstanceFailed,
                                 InstancePromoted, InstanceServing, InstanceExited, TimerFired, ShutdownBegan,
                                 InstanceAdopted, Woken, Idle, Observed, RollbackAdopted, InstanceReconfigured>;

}  // namespace emperor::supervise
