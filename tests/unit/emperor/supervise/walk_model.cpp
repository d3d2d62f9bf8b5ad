// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/emperor/supervise/walk_model.h"

#include <algorithm>
#include <utility>

namespace emperor::supervise {

// ---- events --------------------------------------------------------------------------------------------------------

void World::step() {
    const unsigned event = pick(60);
    if (event < 3) {
        change_file();
    } else if (event < 5) {
        operate();
    } else if (event < 20) {
        if (is_slot_wanted_ || pick(10) == 0) feed(StartSlotGranted{});  // also one that was withdrawn meanwhile
    } else if (event < 24) {
        pass(std::chrono::milliseconds(pick(4) == 0 ? pick(70'000) : pick(500)));
    } else if (event < 27) {
        sleep_or_wake();
    } else if (event < 28) {
        feed(TimerFired{pick(newest_ + 1)});  // too early, or for what is gone
    } else if (!processes_.empty()) {
        process_event(std::next(processes_.begin(), pick(static_cast<unsigned>(processes_.size())))->first);
    }
}

void World::change_file() {
    switch (pick(8)) {
        case 0:
            is_invalid_ = true;
            is_removed_ = is_forgotten_ = false;
            feed(ConfigInvalid{"bad " + std::to_string(pick(2))});
            break;
        case 1:
            is_removed_ = true;
            is_invalid_ = false;
            feed(ConfigRemoved{});
            break;
        case 2:
            if (!desired_) break;
            is_invalid_ = is_removed_ = is_forgotten_ = false;
            feed(ConfigChanged{desired_, {"valid again"}});
            break;
        default:
            ++last_spec_;
            desired_ = pick(2) == 0 ? observed_spec(last_spec_) : spec(last_spec_, pick(8) != 0, pick(3) == 0);
            if (desired_->is_on_demand) on_demand_.insert(last_spec_);
            is_invalid_ = is_removed_ = is_forgotten_ = is_rejected_ = false;
            feed(ConfigChanged{desired_, {"edited"}, static_cast<Change>(pick(5) % 3)});
            break;
    }
}

void World::sleep_or_wake() {
    if (pick(2) == 0) {
        if (may_sleep() && !is_stop_wanted()) is_awake_ = true;
        return feed(Woken{});
    }
    told_idle_ = pick(4) == 0 || processes_.empty() ? pick(newest_ + 1) : processes_.rbegin()->first;
    feed(Idle{told_idle_});
    told_idle_ = 0;
}

void World::answer(Generation generation, InstanceReconfigured::Outcome outcome) {
    using Outcome = InstanceReconfigured::Outcome;
    Process& process = processes_.at(generation);
    const std::uint64_t id = process.reconfiguring;
    if (outcome == Outcome::applied) process.spec = id;
    if (outcome == Outcome::applied || outcome == Outcome::refused) process.reconfiguring = 0;
    feed(InstanceReconfigured{generation, id, outcome, outcome == Outcome::refused ? "cannot do that" : "import: broken"});
}

void World::operate() {
    const auto operation = static_cast<Operation>(pick(5));
    const std::uint64_t ticket = ++last_ticket_;
    tickets_.insert(ticket);
    if (operation == Operation::rollback) return roll_back(ticket);
    const bool is_refused_when_running = operation == Operation::restart || operation == Operation::reload;
    const bool needs_file = operation != Operation::start || !is_rolled_back_;
    const bool is_refused = is_shut_down_ || is_removed_ || !desired_ || !desired_->is_enabled ||
                            (is_invalid_ && needs_file && (is_refused_when_running || !active())) ||
                            (is_held_ && operation == Operation::reload);
    if (operation == Operation::stop)
        is_held_ = true;
    else if (!is_refused || (operation == Operation::start && active()))
        is_held_ = false;
    if (!is_refused && is_refused_when_running) is_rejected_ = false;
    const bool is_done_asleep = operation == Operation::reload && may_sleep();
    if (!is_refused && operation != Operation::stop && !is_done_asleep) is_awake_ = true;
    is_restart_asked_ = operation == Operation::restart && !is_refused;
    feed(OperatorRequest{operation, ticket, {"operator root: something"}});
    is_restart_asked_ = false;
    // I8: an accepted wish to run waits for no backoff.
    if (operation != Operation::stop && tickets_.contains(ticket)) {
        EXPECT_FALSE(fsm_.status().retry_at);
        EXPECT_EQ(fsm_.status().crashes, 0u);
    }
}

void World::roll_back(std::uint64_t ticket) {
    const SpecPtr last_good = !desired_ || pick(4) == 0 ? nullptr : observed_spec(1'000'000 + ++last_spec_);
    const bool was_rejected = std::exchange(is_rejected_, false);
    feed(OperatorRequest{Operation::rollback, ticket, {"operator root: rollback"}, last_good});
    // Who was refused changed nothing.
    if (has_refused_) is_rejected_ = was_rejected;
    else is_awake_ = true;
}

void World::process_event(Generation generation) {
    Process& process = processes_.at(generation);
    if (!process.is_spawned) {
        if (pick(8) == 0) {
            processes_.erase(generation);
            feed(InstanceSpawnFailed{generation, {"spawn", "no memory", ""}});
            return;
        }
        process.is_spawned = true;
        feed(InstanceSpawned{generation, 100});
        return;
    }
    if (process.is_killed) return exit(generation);
    if (process.reconfiguring != 0 && !process.is_stopped && pick(2) == 0)
        return answer(generation, pick(3) == 0 ? InstanceReconfigured::Outcome::stalled
                                               : static_cast<InstanceReconfigured::Outcome>(pick(4)));
    switch (pick(11)) {
        case 10: feed(Observed{generation, pick(200), pick(20)}); break;
        case 0:
            if (pick(4) == 0) exit(generation);
            break;
        case 1:
            if (pick(4) == 0) {
                process.has_failed = true;
                feed(InstanceFailed{generation, {"import", "broken", ""}});
            }
            break;
        case 2: feed(InstanceStep{generation, "import"}); break;
        case 3: feed(InstanceServing{generation, pick(2) == 0, "worker 1 crashed"}); break;
        case 4:
            if (process.is_stopped) exit(generation);
            break;
        default:
            if (process.has_failed) break;
            if (!process.is_ready) {
                process.is_ready = true;
                feed(InstanceReady{generation});
            } else if (process.is_promotion_sent && !process.is_promoted) {
                process.is_promoted = true;
                is_rejected_ = false;  // let through, though it is overtaken or given up
                feed(InstancePromoted{generation});
            }
            break;
    }
}

void World::exit(Generation generation) {
    processes_.erase(generation);
    feed(InstanceExited{generation, {ExitStatus::Kind::signaled, 9}});
}

bool World::fire_due_timer(TimePoint until) {
    auto next = timers_.end();
    for (auto it = timers_.begin(); it != timers_.end(); ++it)
        if (it->second <= until && (next == timers_.end() || it->second < next->second)) next = it;
    if (next == timers_.end()) return false;
    const Generation generation = next->first;
    now_ = std::max(now_, next->second);
    timers_.erase(next);
    feed(TimerFired{generation});
    return true;
}

void World::pass(Duration duration) {
    const TimePoint end = now_ + duration;
    while (fire_due_timer(end)) {
    }
    now_ = end;
}

// ---- checks --------------------------------------------------------------------------------------------------------

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

// ---- endings -------------------------------------------------------------------------------------------------------

void World::settle() {
    for (int turn = 0; turn < 200; ++turn) {
        bool has_moved = false;
        if (is_slot_wanted_) {
            feed(StartSlotGranted{});
            has_moved = true;
        }
        const std::map<Generation, Process> before = processes_;
        for (const auto& [generation, process] : before) {
            if (!processes_.contains(generation)) continue;
            Process& live = processes_.at(generation);
            const bool is_asked = live.reconfiguring != 0 && status().active == generation;
            const bool is_at_rest =
                live.is_promoted && !live.is_stopped && !live.is_killed && !live.has_failed && !is_asked;
            has_moved |= !is_at_rest;
            if (!live.is_spawned) {
                live.is_spawned = true;
                feed(InstanceSpawned{generation, 100});
            } else if (live.is_stopped || live.is_killed || live.has_failed) {
                exit(generation);
            } else if (!live.is_ready) {
                live.is_ready = true;
                feed(InstanceReady{generation});
            } else if (!live.is_promoted) {
                EXPECT_TRUE(live.is_promotion_sent);
                live.is_promoted = true;
                is_rejected_ = false;
                feed(InstancePromoted{generation});
            } else if (is_asked) {
                answer(generation, InstanceReconfigured::Outcome::applied);
            } else {
                feed(InstanceServing{generation, true, ""});
            }
        }
        if (has_moved) continue;
        if (!fsm_.status().retry_at && !fsm_.status().observed_until) return;
        pass(60s);
    }
    ADD_FAILURE() << "does not settle";
}

void World::shut_down() {
    is_shut_down_ = true;
    feed(ShutdownBegan{StopMode::graceful});
    const TimePoint limit = now_ + 30s + 5s;
    while (!processes_.empty()) {
        const std::map<Generation, Process> before = processes_;
        for (const auto& [generation, process] : before) {
            if (!process.is_spawned) {
                processes_.at(generation).is_spawned = true;
                feed(InstanceSpawned{generation, 100});
            } else if (process.is_killed) {
                exit(generation);
            }
        }
        if (processes_.empty()) break;
        if (!fire_due_timer(limit)) {
            ADD_FAILURE() << "I7: not over within drain and kill timeouts";
            return;
        }
    }
    EXPECT_LE(now_, limit) << "I7";
    EXPECT_TRUE(timers_.empty());
    EXPECT_TRUE(tickets_.empty()) << "each request has exactly one answer";
    EXPECT_EQ(is_forgotten_, is_removed_);
}

}  // namespace emperor::supervise
