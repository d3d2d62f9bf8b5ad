// SPDX-License-Identifier: Apache-2.0
// A model of the world around one VassalFsm for random walks: processes that may do anything at any time, a start gate
// that grants late, timers that fire at their time, scoreboards that say anything (walk_model.cpp). It checks the
// invariants of docs/design.md on every command, knowing nothing of the machine's insides (walk_checks.cpp).
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

#include "tests/unit/emperor/supervise/dialogue.h"

namespace emperor::supervise {

struct Process {
    std::uint64_t spec = 0;
    int bank = 0;
    bool is_spawned = false;
    bool is_ready = false;
    bool is_promotion_sent = false;
    bool is_promoted = false;
    bool is_suspended = false;
    bool is_stopped = false;  // told to stop
    bool has_failed = false;
    bool is_killed = false;
    std::uint64_t reconfiguring = 0;  // the id of the Spec that it was asked to go on with; 0: none
};

class World {
public:
    explicit World(std::uint32_t seed) : random_(seed), fsm_(seed) {}

    void step();       // one random event
    void settle();     // everything friendly, until nothing moves: the machine must converge
    void shut_down();  // processes that only end by SIGKILL: must be over within drain + kill
    [[nodiscard]] bool wants_to_run() const {
        return desired_ && desired_->is_enabled && !is_held_ && !is_removed_ && !may_sleep();
    }
    [[nodiscard]] bool is_on_demand() const { return on_demand_.contains(fsm_.status().next_spec); }
    [[nodiscard]] bool may_sleep() const { return is_on_demand() && !is_awake_; }
    [[nodiscard]] bool is_invalid() const { return is_invalid_; }
    [[nodiscard]] std::uint64_t desired() const { return desired_ ? desired_->id : 0; }
    [[nodiscard]] VassalStatus status() const { return fsm_.status(); }
    [[nodiscard]] const std::map<Generation, Process>& processes() const { return processes_; }
    [[nodiscard]] std::size_t open_tickets() const { return tickets_.size(); }

    std::map<Report::Kind, unsigned> reports;  // how often each was made

private:
    unsigned pick(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
    void feed(const VassalEvent& event);
    void check(const Commands& commands, const VassalEvent& event);
    void check_state();
    void execute(const Spawn& command);
    void execute(const SendStop& command);
    void execute(const Kill& command);
    void execute(const SendSuspend& command);
    void execute(const SendResume& command);
    void roll_back(std::uint64_t ticket);
    void execute(const Reconfigure& command);
    void answer(Generation generation, InstanceReconfigured::Outcome outcome);
    void change_file();
    void operate();
    void sleep_or_wake();
    void process_event(Generation generation);
    void exit(Generation generation);
    bool fire_due_timer(TimePoint until);
    void pass(Duration duration);
    [[nodiscard]] Process* active();
    [[nodiscard]] static bool is_accepting(const Process& process) {
        return process.is_promoted && !process.is_suspended && !process.is_stopped && !process.has_failed;
    }
    [[nodiscard]] bool is_stop_wanted() const;

    std::mt19937 random_;
    VassalFsm fsm_;
    TimePoint now_{1000s};
    std::map<Generation, TimePoint> timers_;
    std::map<Generation, Process> processes_;  // that live
    Generation newest_ = 0;
    bool is_slot_wanted_ = false;
    bool is_slot_held_ = false;
    SpecPtr desired_;
    std::set<std::uint64_t> on_demand_;
    std::uint64_t last_spec_ = 0;
    bool is_invalid_ = false, is_held_ = false, is_removed_ = false, is_shut_down_ = false, is_forgotten_ = false;
    bool is_rejected_ = false;       // I3: the newest wish failed while an active one served, or was rolled back
    bool is_rolled_back_ = false;    // as shown
    bool has_refused_ = false;       // the event in progress
    bool is_restart_asked_ = false;  // by the event in progress
    bool is_awake_ = false;          // something asked for it since it was down
    Generation told_idle_ = 0;       // by the event in progress
    std::uint64_t last_ticket_ = 0;
    std::set<std::uint64_t> tickets_;  // unanswered
};

}  // namespace emperor::supervise
