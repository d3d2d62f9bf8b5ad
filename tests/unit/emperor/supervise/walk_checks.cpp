// SPDX-License-Identifier: Apache-2.0
// What the machine may do, and what may be true then.
#include <algorithm>

#include "tests/unit/emperor/supervise/walk_model.h"

namespace emperor::supervise {

Process* World::active() {
    for (auto& [generation, process] : processes_)
        if (is_accepting(process)) return &process;
    return nullptr;
}

bool World::is_stop_wanted() const {
    return is_shut_down_ || is_removed_ || is_held_ || (desired_ && !desired_->is_enabled);
}

void World::feed(const VassalEvent& event) {
    if (std::holds_alternative<ShutdownBegan>(event) || is_stop_wanted()) is_awake_ = false;
    const Commands commands = fsm_.on(event, now_);
    has_refused_ = false;
    check(commands, event);
    is_rolled_back_ = !fsm_.status().rolled_back.empty();
    for (const Command& command : commands) {
        const auto* report = std::get_if<Report>(&command);
        if (!report) continue;
        ++reports[report->kind];
        if (report->kind == Report::Kind::reload_failed || report->kind == Report::Kind::rolled_back) is_rejected_ = true;
    }
    if (!active()) is_rejected_ = false;  // what crashed may be restarted
    check_state();
    if (std::holds_alternative<ConfigChanged>(event)) {
        EXPECT_EQ(fsm_.status().crashes, 0u);  // I8
        EXPECT_FALSE(fsm_.status().retry_at);
    }
}

void World::check(const Commands& commands, const VassalEvent& event) {
    const bool is_invalid_event = std::holds_alternative<ConfigInvalid>(event);
    for (const Command& command : commands) {
        if (const auto* spawn = std::get_if<Spawn>(&command)) {
            execute(*spawn);
        } else if (const auto* stop = std::get_if<SendStop>(&command)) {
            EXPECT_FALSE(is_invalid_event) << "I4";
            execute(*stop);
        } else if (const auto* kill = std::get_if<Kill>(&command)) {
            EXPECT_FALSE(is_invalid_event) << "I4";
            execute(*kill);
        } else if (const auto* promote = std::get_if<SendPromote>(&command)) {
            ASSERT_TRUE(processes_.contains(promote->generation)) << "I6";
            processes_.at(promote->generation).is_promotion_sent = true;
        } else if (const auto* arm = std::get_if<ArmTimer>(&command)) {
            EXPECT_TRUE(arm->generation == 0 || processes_.contains(arm->generation)) << "I6";
            timers_[arm->generation] = arm->deadline;
        } else if (const auto* disarm = std::get_if<DisarmTimer>(&command)) {
            timers_.erase(disarm->generation);
        } else if (std::holds_alternative<AcquireStartSlot>(command)) {
            EXPECT_FALSE(is_shut_down_) << "I7";
            EXPECT_FALSE(is_slot_wanted_ || is_slot_held_);
            is_slot_wanted_ = true;
        } else if (std::holds_alternative<ReleaseStartSlot>(command)) {
            EXPECT_TRUE(is_slot_wanted_ || is_slot_held_);
            is_slot_wanted_ = is_slot_held_ = false;
        } else if (const auto* done = std::get_if<OperationDone>(&command)) {
            EXPECT_EQ(tickets_.erase(done->ticket), 1u) << "each request has exactly one answer";
            has_refused_ |= done->failure.step == "refused";
        } else if (const auto* suspend = std::get_if<SendSuspend>(&command)) {
            execute(*suspend);
        } else if (const auto* resume = std::get_if<SendResume>(&command)) {
            execute(*resume);
        } else if (const auto* reconfigure = std::get_if<Reconfigure>(&command)) {
            execute(*reconfigure);
        } else if (std::holds_alternative<Forget>(command)) {
            EXPECT_TRUE(is_removed_ && processes_.empty() && !is_forgotten_);
            is_forgotten_ = true;
        }
    }
}

void World::execute(const Spawn& command) {
    EXPECT_FALSE(is_shut_down_) << "I7";
    EXPECT_FALSE(is_stop_wanted()) << "I5";
    EXPECT_FALSE(is_rejected_ && active()) << "I3";
    EXPECT_FALSE(may_sleep()) << "nobody asked for it";
    is_awake_ = true;
    EXPECT_TRUE(is_slot_wanted_) << "I9";
    is_slot_wanted_ = false;
    is_slot_held_ = true;
    EXPECT_GT(command.generation, newest_);
    newest_ = command.generation;
    for (const auto& [generation, process] : processes_) EXPECT_NE(process.bank, command.bank);
    processes_[command.generation] = {.spec = command.spec->id, .bank = command.bank};
}

void World::execute(const SendStop& command) {
    ASSERT_TRUE(processes_.contains(command.generation)) << "I6";
    Process& process = processes_.at(command.generation);
    if (process.is_promoted && !process.is_stopped) {
        const bool is_replaced = std::any_of(processes_.begin(), processes_.end(), [&](const auto& other) {
            return (other.first > command.generation && other.second.is_promoted) ||
                   (other.first != command.generation && is_accepting(other.second));
        });
        const bool falls_asleep = told_idle_ == command.generation && is_on_demand();
        EXPECT_TRUE(is_replaced || process.is_suspended || is_stop_wanted() || is_restart_asked_ || falls_asleep) << "I2";
        if (falls_asleep) is_awake_ = false;
        EXPECT_TRUE(command.mode == StopMode::graceful || is_shut_down_) << "what serves is drained";
    }
    process.is_stopped = true;
}

void World::execute(const Kill& command) {
    ASSERT_TRUE(processes_.contains(command.generation)) << "I6";
    Process& process = processes_.at(command.generation);
    EXPECT_TRUE(!process.is_promoted || process.is_stopped || process.has_failed) << "I2";
    process.is_killed = true;
}

// Only while somebody else accepts.
void World::execute(const SendSuspend& command) {
    ASSERT_TRUE(processes_.contains(command.generation)) << "I6";
    Process& process = processes_.at(command.generation);
    EXPECT_TRUE(is_accepting(process));
    process.is_suspended = true;
    EXPECT_TRUE(active()) << "I2";
}

void World::execute(const SendResume& command) {
    ASSERT_TRUE(processes_.contains(command.generation)) << "I6";
    Process& process = processes_.at(command.generation);
    EXPECT_TRUE(process.is_suspended && !process.is_stopped && !process.has_failed);
    process.is_suspended = false;
}

void World::execute(const Reconfigure& command) {
    ASSERT_TRUE(processes_.contains(command.generation)) << "I6";
    Process& process = processes_.at(command.generation);
    EXPECT_TRUE(process.is_promoted && !process.is_stopped && !process.is_killed && !process.has_failed);
    EXPECT_FALSE(is_stop_wanted()) << "I5";
    EXPECT_EQ(command.spec, desired_) << "only what is wanted now";
    EXPECT_NE(command.change, Change::rollout);
    for (const auto& [generation, other] : processes_)
        EXPECT_TRUE(generation == command.generation || other.is_suspended || other.is_stopped || other.is_killed ||
                    other.has_failed);
    process.reconfiguring = command.spec->id;
}

void World::check_state() {
    EXPECT_LE(processes_.size(), 2u) << "I1";
    if (processes_.size() == 2) {
        const Process& older = processes_.begin()->second;
        const Process& newer = processes_.rbegin()->second;
        const auto is_ending = [](const Process& process) {
            return process.is_stopped || process.is_killed || process.has_failed || !process.is_spawned;
        };
        const bool is_reloading = older.is_promoted && !older.is_suspended && !newer.is_promoted;
        const bool is_observing = older.is_suspended && is_accepting(newer);
        EXPECT_TRUE(is_ending(older) || is_ending(newer) || is_reloading || is_observing) << "I1";
    }
    for (const auto& [generation, process] : processes_)
        EXPECT_TRUE(!process.is_suspended || process.is_stopped || process.has_failed || active())
            << "nobody accepts and the standby sleeps";
    for (const auto& [generation, deadline] : timers_)
        EXPECT_TRUE(generation == 0 || processes_.contains(generation)) << "a timer of a gone generation";
    const VassalStatus status = fsm_.status();
    if (const Process* process = active()) {
        EXPECT_TRUE(status.active != 0 || is_stop_wanted() || process->is_stopped);
    }
    if (status.is_asleep) {
        EXPECT_TRUE(may_sleep() && !active());
        EXPECT_FALSE(is_slot_wanted_ || is_slot_held_);
        EXPECT_TRUE(status.state == (is_invalid_ ? DisplayState::invalid : DisplayState::sleeping));
    }
    if (is_shut_down_ || is_removed_) {
        EXPECT_TRUE(status.state == DisplayState::stopping || status.state == DisplayState::stopped);
    }
}

}  // namespace emperor::supervise
