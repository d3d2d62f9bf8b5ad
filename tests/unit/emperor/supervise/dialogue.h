// SPDX-License-Identifier: Apache-2.0
// Talks to a VassalFsm with a manual clock: feed an event, read the commands as words. Timers and reports are kept
// aside, so that a dialogue shows what is done to processes and what operators are answered.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "emperor/supervise/vassal_fsm.h"

namespace emperor::supervise {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

inline SpecPtr spec(std::uint64_t id, bool is_enabled = true, bool is_on_demand = false) {
    auto made = std::make_shared<Spec>();
    made->id = id;
    made->is_enabled = is_enabled;
    made->is_on_demand = is_on_demand;
    made->start_timeout = 60s;
    made->drain_timeout = 30s;
    made->kill_timeout = 5s;
    made->restart_initial = 100ms;
    made->restart_max = 60s;
    made->restart_stable = 10s;
    return made;
}

// One that is observed for 30 s, and may answer 5 of 100 requests with a 5xx.
inline SpecPtr observed_spec(std::uint64_t id) {
    auto made = std::make_shared<Spec>(*spec(id));
    made->observe = 30s;
    made->max_error_rate = 5;
    return made;
}

inline std::string word(StopMode mode) { return mode == StopMode::fast ? "fast" : "graceful"; }

struct Wording {
    std::string operator()(const AcquireStartSlot& c) const {
        return c.turn == Turn::rollout ? "acquire for a rollout"
               : c.turn == Turn::retry ? "acquire to retry"
                                       : "acquire";
    }
    std::string operator()(const ReleaseStartSlot&) const { return "release"; }
    std::string operator()(const Spawn& c) const {
        return "spawn " + std::to_string(c.generation) + " bank " + std::to_string(c.bank) + " spec " +
               std::to_string(c.spec->id);
    }
    std::string operator()(const SendPromote& c) const { return "promote " + std::to_string(c.generation); }
    std::string operator()(const SendStop& c) const {
        return "stop " + std::to_string(c.generation) + " " + word(c.mode);
    }
    std::string operator()(const Kill& c) const { return "kill " + std::to_string(c.generation); }
    std::string operator()(const ArmTimer&) const { return ""; }
    std::string operator()(const DisarmTimer&) const { return ""; }
    std::string operator()(const Activated& c) const { return "activated " + std::to_string(c.generation); }
    std::string operator()(const OperationDone& c) const {
        return "done " + std::to_string(c.ticket) + (c.ok ? " ok" : " " + c.failure.step + ": " + c.failure.reason);
    }
    std::string operator()(const Report&) const { return ""; }
    std::string operator()(const Forget&) const { return "forget"; }
    std::string operator()(const SendSuspend& c) const { return "suspend " + std::to_string(c.generation); }
    std::string operator()(const SendResume& c) const { return "resume " + std::to_string(c.generation); }
    std::string operator()(const Reconfigure& c) const {
        return "reconfigure " + std::to_string(c.generation) + (c.change == Change::live ? " live" : " recycle") + " spec " +
               std::to_string(c.spec->id);
    }
};

class Dialogue {
public:
    explicit Dialogue(const std::optional<std::string>& held = {}) : fsm(7, held) {}

    Words tell(const VassalEvent& event) {
        Words words;
        for (const Command& command : fsm.on(event, now)) {
            if (const auto* arm = std::get_if<ArmTimer>(&command)) timers[arm->generation] = arm->deadline;
            if (const auto* disarm = std::get_if<DisarmTimer>(&command)) timers.erase(disarm->generation);
            if (const auto* report = std::get_if<Report>(&command)) {
                reports.push_back(report->kind);
                last_report = report->text;
            }
            if (std::string text = std::visit(Wording{}, command); !text.empty()) words.push_back(std::move(text));
        }
        return words;
    }

    // Lets time pass, firing what is due at its time, in order.
    Words pass(Duration duration) {
        Words words;
        const TimePoint end = now + duration;
        for (;;) {
            auto next = timers.end();
            for (auto it = timers.begin(); it != timers.end(); ++it)
                if (it->second <= end && (next == timers.end() || it->second < next->second)) next = it;
            if (next == timers.end()) break;
            const Generation generation = next->first;
            now = std::max(now, next->second);
            timers.erase(next);
            for (std::string& text : tell(TimerFired{generation})) words.push_back(std::move(text));
        }
        now = end;
        return words;
    }

    Words edit(std::uint64_t id) { return tell(ConfigChanged{spec(id), {"edited"}}); }
    Words edit_observed(std::uint64_t id) { return tell(ConfigChanged{observed_spec(id), {"edited"}}); }
    Words edit(std::uint64_t id, Change change) { return tell(ConfigChanged{spec(id), {"edited"}, change}); }
    Words answer(Generation generation, std::uint64_t id, InstanceReconfigured::Outcome outcome,
                 const std::string& reason = {}) {
        return tell(InstanceReconfigured{generation, id, outcome, reason});
    }
    Words ask(Operation operation, std::uint64_t ticket, const std::string& verb) {
        return tell(OperatorRequest{operation, ticket, {"operator root: " + verb}});
    }
    Words exit(Generation generation, int code = 1) {
        return tell(InstanceExited{generation, {ExitStatus::Kind::exited, code}});
    }
    Words fail(Generation generation, const std::string& reason) {
        return tell(InstanceFailed{generation, {"import", reason, "Traceback"}});
    }

    // From a granted slot to serving.
    void serve(Generation generation) {
        (void)tell(StartSlotGranted{});
        (void)tell(InstanceSpawned{generation, 100});
        (void)tell(InstanceReady{generation});
        (void)tell(InstancePromoted{generation});
    }

    [[nodiscard]] VassalStatus status() const { return fsm.status(); }
    [[nodiscard]] DisplayState state() const { return fsm.status().state; }

    VassalFsm fsm;
    TimePoint now{1000s};
    std::map<Generation, TimePoint> timers;
    std::vector<Report::Kind> reports;
    std::string last_report;  // its text
};

// One that serves spec 1 as generation 1.
inline Dialogue serving() {
    Dialogue vassal;
    (void)vassal.edit(1);
    vassal.serve(1);
    return vassal;
}

}  // namespace emperor::supervise
