// SPDX-License-Identifier: Apache-2.0
// One vassal: what the operator wants against what the processes do. Pure: events and the time in, commands out. Owned
// by the fleet, one per vassal, which executes the commands and feeds the consequences back as events. It never looks
// at a clock, a file or a process, and nobody calls it re-entrantly.
//
// Theory
// ------
// What is wanted and what is there are separate. Events change one of the two; then reconcile() compares them and takes
// the next step. There is no "reloading" state to get stuck in: what is displayed is derived (status()).
//
// Wanted: up with the newest valid Spec (`desired_`), or down because of the first of: shutdown, the file was removed,
// an operator's stop (held), nothing valid to run, `enabled: false`, asleep. Asleep is who is `on_demand`, by the Spec that
// a start would use, and not awake:
// a connection and an operator's start or restart wake it, and whatever is started or adopted is awake; it falls asleep
// when it was idle, and when it is down for any other reason. It does not fall from anybody's trust by that: what is
// proven stays proven, a rejected wish stays rejected, and a file that is invalid by now does not keep it from waking.
// Each new Spec and each operator's reload or restart makes a new `wish_` (a number), so that a start that was begun
// for an older wish is recognised as overtaken.
//
// There: at most two instances (I1), each with its own InstanceFsm and a role:
//     successor   ordered for a wish, not proven yet; also the very first one
//     active      promoted: it serves
//     standby     the former active, suspended: it accepts nothing, its workers live, while the active is observed
//     retiring    on its way out: replaced, unwanted, overtaken, failed or rolled back
// promoted: successor → active, and only then the old active → retiring (I2), or → standby when the new Spec says
// `observe` and the old one is serving, and not being changed in place. A successor that fails: → retiring.
//
// Observation: from such a promotion for `observe`. Over when its time is (the standby retires), when the standby ends, or
// when another start is due (a new successor first ends the standby, I1). If the active ends, gives up, has no worker that
// can serve, or answers too many requests with a 5xx (error_bound.h), or an operator says so: rollback. The standby is
// resumed and active again, and then the former active retires (I2).
//
// Rollback, by the machine or an operator, pins a Spec: it is wanted in place of `desired_`, by a wish of its own, until
// the file changes or somebody asks for a reload or a restart (I3: no retry until something changes). So the pinned Spec
// is restarted after a crash, and started after a stop. An operator's rollback picks, in this order: the standby, at once;
// the active, when something is on its way to replace it; the last good Spec, which comes with the request, by a rollout.
// If that fails nothing is pinned and what runs stays.
//
// Which Spec a start uses: `pinned_` or else `desired_`, unless it was rejected (a start of this wish failed) or the
// file is invalid now, while `proven_` is known (the Spec that served last, until it is stopped on purpose). So a
// broken edit neither stops a running vassal nor keeps it from being restarted after a crash (I3, I4), and is not tried
// again until something changes. Without a proven Spec the desired one is tried again and again, with backoff.
//
// An edit that needs no other generation (`change` live or recycle) is carried out in place: Reconfigure goes to the
// active instance, which fits the new wish from then on; when all of it is done, the Spec is the active one's and proven.
// In place only: the active one serves and fits the wish it replaces, nothing is beside it but retiring ones or a standby
// (whose observation goes on), nothing is rejected, and the new Spec is to run. In every other case, and when the master
// refuses or does not answer, it is a
// rollout like any other edit. Edits that come while an earlier one is not done go the same way, with the higher class.
//
// reconcile(), in this order:
//     down wanted            withdraw the start; stop all (the unproven fast, the serving gracefully); when nothing is
//                            left: stopped, or Forget after a removal (I5)
//     successor on its way   leave it; an overtaken one is stopped fast (unless its promotion is under way: it may have
//                            accepted requests, so it is let through and then replaced)
//     active fits the wish   nothing to do
//     else a start is due    after the backoff; not while another one has to end first (two live at most: a draining
//                            predecessor gets its drain timeout; a failed, overtaken or restarted one is waited for);
//                            then AcquireStartSlot, and Spawn when it is granted
//     nothing is due         give the start slot back: a start's once it is ready, a rollout's once what it replaced is gone
//                            as well, or after `handover_hold`; a standby is not waited for
//
// What each event does before that ("-": ignored, because it is about a generation that is gone or has no such step):
//     ConfigChanged      desired_, wish_ + 1, nothing pinned, backoff reset (I8), not invalid, not removed; overtakes a
//                        rollback that is under way; Reconfigure where it can be done in place. The same Spec again: only
//                        "valid again" (and a start at once if nothing runs), never a restart
//     ConfigInvalid      invalid; running and starting instances stay
//     ConfigRemoved      removed: down; nothing pinned
//     OperatorRequest    start: not held, backoff reset · stop: held · reload: wish_ + 1 · restart: wish_ + 1 and
//                        the active one retires first; what is not running is started by any of the three, but
//                        what is held only by start and restart. reload and restart mean the file: nothing
//                        pinned. rollback: as above. A reload of what is asleep is done at once, because its next
//                        start takes the code and the file as they are then
//     StartSlotGranted   Spawn with the other bank, else the slot is given back
//     InstanceSpawned, InstanceReady, InstancePromoted, TimerFired
//                        InstanceFsm; promoted also changes the roles, settles requests and makes the Spec proven
//     InstanceSpawnFailed, InstanceFailed, InstanceExited, start deadline
//                        of a successor: the start failed: rejected when something proven remains, else backoff;
//                        of the active: crashed: rollback to a standby, else restart at once the first time, then
//                        backoff; of a standby: the observation is over; of a retiring: gone
//     InstanceServing    shown; serving for restart_stable resets the backoff; not serving while observed: rollback
//     Observed           of the active while there is a standby that can serve: rollback when it is too bad
//     ShutdownBegan      down for good (I7)
//     InstanceReconfigured
//                        taken, applied, stalled: shown; refused, or no answer in time: wish_ + 1, so a rollout
//     InstanceAdopted    an instance of a former emperor, as active, standby or retiring; numbering continues after it. A
//                        standby without the one that it stood by for is resumed
//     RollbackAdopted    a former emperor's rollback stands: desired_, pinned_, wish_ + 1
//     Woken              asleep: awake; else nothing (the connection that woke it may be reported twice)
//     Idle               of the active one that fits the wish, while nobody waits for anything: not awake any more. It
//                        drains as after any stop; a client that comes meanwhile wakes the next one beside it
//
// Every OperatorRequest gets exactly one OperationDone: its outcome, or "overtaken by …".
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "emperor/supervise/backoff.h"
#include "emperor/supervise/commands.h"
#include "emperor/supervise/events.h"
#include "emperor/supervise/instance_fsm.h"

namespace emperor::supervise {

// What an operator is told about the machine; every field is derived from its state.
struct VassalStatus {
    DisplayState state = DisplayState::stopped;
    std::string reason;  // why it is not simply running: the failure, "stopped by operator root", the step of a start
    Generation active = 0;     // 0: none
    Generation successor = 0;  // 0: none
    int active_bank = 0;
    bool is_held = false;      // `stop` holds until `start`, over emperor restarts and touches
    std::string held_reason;   // of is_held: "stopped by operator root"
    unsigned crashes = 0;      // in a row, since the last success
    std::optional<TimePoint> retry_at;
    std::optional<Failure> last_reload_failure;  // of the newest attempt; cleared by a success
    // "" never, "ok", "applied in place", "workers replaced", "failed: REASON", "rolled back by WHOM"
    std::string last_reload;
    Generation standby = 0;    // 0: none
    std::optional<TimePoint> observed_until;
    std::string rolled_back;   // why something else than the file runs; empty: it does not
    bool is_serving = false;   // the active one has a worker that can serve
    std::uint64_t next_spec = 0;  // id of the Spec that a start would use now; 0: there is none
    bool is_asleep = false;    // the shell tells when a client comes (Woken); also while the last instance drains
};

class VassalFsm {
public:
    // Requests that wait at the same time; more are refused.
    static constexpr std::size_t max_requests = 64;
    // A rollout keeps its start slot at most so long after its outcome: a predecessor may drain for very long.
    static constexpr Duration handover_hold = std::chrono::seconds(10);

    // `jitter_seed` makes the backoff's jitter reproducible. `held`: the held_reason of a former emperor's, "" if unknown.
    explicit VassalFsm(std::uint32_t jitter_seed, const std::optional<std::string>& held = {});

    // Returns what the caller must do now, in order. Never call it re-entrantly: queue events that commands cause.
    [[nodiscard]] Commands on(const VassalEvent& event, TimePoint now);

    [[nodiscard]] VassalStatus status() const;

private:
    enum class Role { successor, active, standby, retiring };
    enum class Slot { none, waiting, held };

    // A change that is being carried out in place.
    struct Reconfiguring {
        SpecPtr spec;
        Change change;
        bool is_taken = false;    // by the master; what is left is to replace workers
        std::string stalled = {}; // why the last replacement failed
    };

    struct Instance {
        Generation generation;
        int bank;
        SpecPtr spec;
        std::uint64_t wish;
        Role role;
        InstanceFsm fsm;
        std::string step;                // of the start, as the master tells
        std::optional<Failure> failure;  // what the master said before it went
        bool must_end_first = false;     // retiring: nothing may start beside it
        bool is_serving = true;          // once promoted: it has a worker that can serve
        std::string not_serving_reason;
        std::optional<Reconfiguring> reconfiguring = {};  // active: towards a newer Spec
    };

    // Why the vassal must not run now; `text` is for operators.
    struct Down {
        enum class Why { shutdown, removed, held, disabled, invalid, nothing, asleep };
        Why why;
        std::string text;
    };

    // ---- events (vassal_events.cpp)
    void handle(const ConfigChanged& event, TimePoint now);
    void handle(const ConfigInvalid& event, TimePoint now);
    void handle(const ConfigRemoved& event, TimePoint now);
    void handle(const OperatorRequest& event, TimePoint now);
    void handle(const StartSlotGranted& event, TimePoint now);
    void handle(const InstanceSpawned& event, TimePoint now);
    void handle(const InstanceSpawnFailed& event, TimePoint now);
    void handle(const InstanceStep& event, TimePoint now);
    void handle(const InstanceReady& event, TimePoint now);
    void handle(const InstanceFailed& event, TimePoint now);
    void handle(const InstancePromoted& event, TimePoint now);
    void handle(const InstanceServing& event, TimePoint now);
    void handle(const InstanceExited& event, TimePoint now);
    void handle(const TimerFired& event, TimePoint now);
    void handle(const ShutdownBegan& event, TimePoint now);
    void handle(const InstanceAdopted& event, TimePoint now);
    void handle(const Woken& event, TimePoint now);
    void handle(const Idle& event, TimePoint now);
    void handle(const Observed& event, TimePoint now);
    void handle(const RollbackAdopted& event, TimePoint now);
    void handle(const InstanceReconfigured& event, TimePoint now);

    // ---- what follows from them (vassal_fsm.cpp; outcomes of starts in vassal_outcomes.cpp)
    void reconcile(TimePoint now);
    void bring_down(const Down& down, TimePoint now);
    void settle_down(const Down& down);
    void bring_up(TimePoint now);
    void start_if_possible(TimePoint now);
    void spawn(TimePoint now);
    void retire(Instance& instance, StopMode mode, bool must_end_first, const std::string& reason, TimePoint now);
    void start_failed(Instance& instance, Failure failure, TimePoint now);
    void crashed(Instance& instance, const Failure& failure, TimePoint now);
    void promote(Instance& successor, TimePoint now);
    void plan_retry(bool is_at_once, const Spec& spec, const std::string& reason, TimePoint now);
    void reset_backoff();
    // vassal_reconfigure.cpp
    [[nodiscard]] bool can_reconfigure(Change change, const Spec& spec) const;
    void reconfigure(Change change, TimePoint now);
    void reconfigured(Instance& instance, TimePoint now);
    void recycle_stalled(Instance& instance, const std::string& reason);
    void cannot_reconfigure(Instance& instance, const std::string& reason, TimePoint now);
    void count_serving(TimePoint now);
    void arm_own_timer();
    void settle_slot(TimePoint now);
    void release_slot();
    void report(Report::Kind kind, Generation generation, std::string text);

    // ---- observation and rollback (vassal_rollback.cpp)
    [[nodiscard]] bool is_to_be_observed(const Instance& successor, const Instance& old) const;
    void observe(Instance& standby, Duration duration, TimePoint now);
    void end_observation(const std::string& reason, TimePoint now);
    void standby_lost(Instance& standby, const std::string& reason);
    // To the standby. `failure` is what the operator is told; none when it was an operator who wanted it.
    void roll_back(Instance& from, const std::string& reason, std::optional<Failure> failure, TimePoint now);
    void roll_back_for(const OperatorRequest& event, TimePoint now);
    void pin(SpecPtr spec, std::string reason);
    void unpin();
    [[nodiscard]] bool is_being_replaced() const;

    // ---- operators' requests (vassal_requests.cpp)
    struct Request {
        Operation operation;
        std::uint64_t ticket;
        Cause cause;
    };
    [[nodiscard]] std::optional<Failure> refusal(const OperatorRequest& event) const;
    [[nodiscard]] std::optional<Failure> refusal_of_rollback(const OperatorRequest& event) const;
    void apply(const OperatorRequest& event, TimePoint now);
    void finish(std::uint64_t ticket, const std::optional<Failure>& failure);
    void fulfil(std::uint64_t ticket);  // one that waits
    void overtake(const Request& older, const std::string& by);
    // Settles the waiting requests that `is_meant` picks.
    template <class Predicate>
    void finish_requests(Predicate is_meant, const std::optional<Failure>& failure);
    void requests_promoted(bool is_newest_wish);
    void requests_start_failed(const Failure& failure);
    void requests_stopped();
    void requests_overtaken_by(const Down& down);
    void rollbacks_overtaken_by(const Cause& edit);  // its outcome would be no answer to them

    // ---- derived (vassal_status.cpp)
    [[nodiscard]] std::optional<Down> down() const;
    [[nodiscard]] Instance* find(Generation generation);
    [[nodiscard]] Instance* with_role(Role role);
    [[nodiscard]] const Instance* with_role(Role role) const;
    [[nodiscard]] bool is_asleep() const;
    [[nodiscard]] bool is_rejected() const noexcept { return rejected_wish_ == wish_; }
    [[nodiscard]] bool falls_back() const;
    [[nodiscard]] const SpecPtr& spec_to_start() const { return falls_back() ? proven_ : pinned_ ? pinned_ : desired_; }
    [[nodiscard]] bool is_start_due() const;
    // The first crash is repaired at once; what never served, or fails again, lets others go first.
    [[nodiscard]] bool has_failed_repeatedly() const noexcept { return crashes_ > (proven_ ? 1u : 0u); }
    [[nodiscard]] int free_bank() const;
    [[nodiscard]] std::pair<DisplayState, std::string> display() const;
    [[nodiscard]] static std::string name_of_state(const Instance& instance);
    [[nodiscard]] std::pair<DisplayState, std::string> display_down(const Down& down) const;

    // What is wanted.
    SpecPtr desired_;  // shared with the fleet, which started from it
    Cause cause_;      // of the newest wish, or of the start since
    std::uint64_t wish_ = 0;
    SpecPtr pinned_;           // null: nothing was rolled back
    std::string rolled_back_;  // why
    std::string invalid_;  // empty: the file is valid
    bool is_removed_ = false;
    bool is_held_ = false;
    std::string held_reason_ = "stopped by an operator";
    std::optional<StopMode> shutdown_;
    bool is_awake_ = false;  // decides only for who is on demand

    // What is there.
    std::vector<Instance> instances_;  // at most two
    Generation last_generation_ = 0;
    int last_bank_ = 1;
    Slot slot_ = Slot::none;
    bool is_rollout_slot_ = false;         // what it was asked for as
    std::optional<TimePoint> slot_until_;  // of a rollout whose outcome is known
    std::optional<TimePoint> observed_until_;  // set exactly while there is a standby
    SpecPtr proven_;
    std::uint64_t rejected_wish_ = ~std::uint64_t{0};
    bool is_stopped_reported_ = true;
    bool is_sleep_reported_ = false;
    bool is_forgotten_ = false;

    // Backoff.
    Backoff backoff_;
    unsigned crashes_ = 0;
    std::string retry_reason_;
    std::optional<TimePoint> retry_at_;
    std::optional<TimePoint> stable_at_;   // when the active one counts as a success
    std::optional<TimePoint> own_timer_;   // as the shell has it armed

    std::string last_reload_;
    std::optional<Failure> last_reload_failure_;
    std::vector<Request> requests_;  // at most max_requests
    Commands commands_;              // of the event in progress
};

}  // namespace emperor::supervise
