// SPDX-License-Identifier: Apache-2.0
// What a machine wants done. Values only; the machines return them in order, the fleet executes them.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "emperor/supervise/types.h"

namespace emperor::supervise {

// Answered by StartSlotGranted, maybe later. A rollout replaces one that runs: nobody waits for it.
struct AcquireStartSlot { Turn turn = Turn::start; bool operator==(const AcquireStartSlot&) const = default; };
struct ReleaseStartSlot {};  // also withdraws a request that was not granted yet
struct Spawn { Generation generation; int bank; SpecPtr spec; bool operator==(const Spawn&) const = default; };
struct SendPromote { Generation generation; bool operator==(const SendPromote&) const = default; };
struct SendStop {
    Generation generation;
    StopMode mode;
    std::string reason;
    bool operator==(const SendStop&) const = default;
};
// SIGKILL the master and its workers.
struct Kill { Generation generation; bool operator==(const Kill&) const = default; };
// Replaces an earlier one of this generation; 0: the vassal's own.
struct ArmTimer { Generation generation; TimePoint deadline; bool operator==(const ArmTimer&) const = default; };
struct DisarmTimer { Generation generation; bool operator==(const DisarmTimer&) const = default; };
// The spec that serves from now on: listeners of no other live spec may be closed.
struct Activated { Generation generation; SpecPtr spec; bool operator==(const Activated&) const = default; };
// A running generation is to go on with another configuration; answered by InstanceReconfigured.
struct Reconfigure {
    Generation generation;
    SpecPtr spec;
    Change change;  // live or recycle
    bool operator==(const Reconfigure&) const = default;
};
struct OperationDone {
    std::uint64_t ticket;
    bool ok;
    Failure failure;
    bool operator==(const OperationDone&) const = default;
};
// A lifecycle change worth one log line and one history entry.
struct Report {
    enum class Kind {
        starting, running, reloading, reloaded, reload_failed, start_failed, crashed, backoff, stopping, stopped,
        removed, invalid, degraded, recovered,
        sleeping, observing, observed, rolled_back, standby_lost, reconfigured, recycle_failed
    };
    Kind kind;
    Generation generation = 0;
    std::string text;
    bool operator==(const Report&) const = default;
};
// Removed from disk and nothing is left of it: the shell may forget the vassal.
struct Forget { bool operator==(const Forget&) const = default; };
// Stop accepting, finish what was accepted, and stay: the standby. And the way back: accept again.
struct SendSuspend { Generation generation; bool operator==(const SendSuspend&) const = default; };
struct SendResume { Generation generation; bool operator==(const SendResume&) const = default; };

using Command = std::variant<AcquireStartSlot, ReleaseStartSlot, Spawn, SendPromote, SendStop, Kill, ArmTimer,
                             DisarmTimer, Activated, OperationDone, Report, Forget, SendSuspend, SendResume, Reconfigure>;
using Commands = std::vector<Command>;

}  // namespace emperor::supervise
