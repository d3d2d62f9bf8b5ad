// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/emperor/supervise/walk_model.h"

#include <algorithm>
#include <utility>

namespace emperor::supervise {

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
