// SPDX-License-Identifier: Apache-2.0
// The whole state × event table of instance_fsm.h, cell by cell, and its deadlines.
#include "emperor/supervise/instance_fsm.h"

#include <gtest/gtest.h>

#include "tests/unit/emperor/supervise/dialogue.h"

namespace emperor::supervise {
namespace {

using State = InstanceState;
using Event = InstanceEvent;

constexpr TimePoint start{1000s};

struct Probe {
    Commands commands;
    InstanceFsm fsm{3, *spec(1), start, commands};

    Words on(Event event, TimePoint now = start) {
        commands.clear();
        fsm.on(event, now, commands, "because");
        Words words;
        for (const Command& command : commands)
            if (std::string text = std::visit(Wording{}, command); !text.empty()) words.push_back(std::move(text));
        return words;
    }

    [[nodiscard]] std::optional<Duration> armed() const {
        std::optional<Duration> delay;
        for (const Command& command : commands)
            if (const auto* arm = std::get_if<ArmTimer>(&command)) delay = arm->deadline - start;
        return delay;
    }
};

Probe in(State state) {
    Probe probe;
    const auto drive = [&](std::initializer_list<Event> events) {
        for (Event event : events) (void)probe.on(event);
    };
    switch (state) {
        case State::spawning: break;
        case State::starting: drive({Event::spawned}); break;
        case State::probing: drive({Event::spawned, Event::ready}); break;
        case State::serving: drive({Event::spawned, Event::ready, Event::promoted}); break;
        case State::draining: drive({Event::spawned, Event::ready, Event::promoted, Event::stop_graceful}); break;
        case State::killing:
            drive({Event::spawned});
            (void)probe.on(Event::deadline, start + 60s);
            break;
        case State::gone: drive({Event::spawned, Event::exited}); break;
    }
    EXPECT_EQ(probe.fsm.state(), state);
    return probe;
}

struct Cell {
    State from;
    Event event;
    State to;
    Words words = {};
};

const Words none{}, promote{"promote 3"}, graceful{"stop 3 graceful"}, fast{"stop 3 fast"}, kill{"kill 3"};

const std::vector<Cell> table = {
    {State::spawning, Event::spawned, State::starting},
    {State::spawning, Event::spawn_failed, State::gone},
    {State::spawning, Event::ready, State::spawning},
    {State::spawning, Event::promoted, State::spawning},
    {State::spawning, Event::failed, State::spawning},
    {State::spawning, Event::stop_graceful, State::draining},
    {State::spawning, Event::stop_fast, State::draining},
    {State::spawning, Event::exited, State::gone},
    {State::spawning, Event::deadline, State::killing, kill},
    {State::starting, Event::spawned, State::starting},
    {State::starting, Event::spawn_failed, State::starting},
    {State::starting, Event::ready, State::probing, promote},
    {State::starting, Event::promoted, State::starting},
    {State::starting, Event::failed, State::draining},
    {State::starting, Event::stop_graceful, State::draining, fast},
    {State::starting, Event::stop_fast, State::draining, fast},
    {State::starting, Event::exited, State::gone},
    {State::starting, Event::deadline, State::killing, kill},
    {State::probing, Event::spawned, State::probing},
    {State::probing, Event::spawn_failed, State::probing},
    {State::probing, Event::ready, State::probing},
    {State::probing, Event::promoted, State::serving},
    {State::probing, Event::failed, State::draining},
    {State::probing, Event::stop_graceful, State::draining, graceful},
    {State::probing, Event::stop_fast, State::draining, fast},
    {State::probing, Event::exited, State::gone},
    {State::probing, Event::deadline, State::killing, kill},
    {State::serving, Event::spawned, State::serving},
    {State::serving, Event::spawn_failed, State::serving},
    {State::serving, Event::ready, State::serving},
    {State::serving, Event::promoted, State::serving},
    {State::serving, Event::failed, State::draining},
    {State::serving, Event::stop_graceful, State::draining, graceful},
    {State::serving, Event::stop_fast, State::draining, fast},
    {State::serving, Event::exited, State::gone},
    {State::serving, Event::deadline, State::serving},
    {State::draining, Event::spawned, State::draining},
    {State::draining, Event::spawn_failed, State::draining},
    {State::draining, Event::ready, State::draining},
    {State::draining, Event::promoted, State::draining},
    {State::draining, Event::failed, State::draining},
    {State::draining, Event::stop_graceful, State::draining},
    {State::draining, Event::stop_fast, State::draining, fast},
    {State::draining, Event::exited, State::gone},
    {State::draining, Event::deadline, State::killing, kill},
    {State::killing, Event::spawned, State::killing},
    {State::killing, Event::spawn_failed, State::killing},
    {State::killing, Event::ready, State::killing},
    {State::killing, Event::promoted, State::killing},
    {State::killing, Event::failed, State::killing},
    {State::killing, Event::stop_graceful, State::killing},
    {State::killing, Event::stop_fast, State::killing},
    {State::killing, Event::exited, State::gone},
    {State::killing, Event::deadline, State::killing, kill},
    {State::gone, Event::spawned, State::gone},
    {State::gone, Event::spawn_failed, State::gone},
    {State::gone, Event::ready, State::gone},
    {State::gone, Event::promoted, State::gone},
    {State::gone, Event::failed, State::gone},
    {State::gone, Event::stop_graceful, State::gone},
    {State::gone, Event::stop_fast, State::gone},
    {State::gone, Event::exited, State::gone},
    {State::gone, Event::deadline, State::gone},
};

TEST(InstanceFsm, every_cell_of_the_table_is_as_written) {
    ASSERT_EQ(table.size(), 7u * 9u);
    for (const Cell& cell : table) {
        Probe probe = in(cell.from);
        // Deadlines only count when they are due.
        const Words words = probe.on(cell.event, cell.event == Event::deadline ? start + 1h : start);
        const std::string where =
            std::string(name_of(cell.from)) + " × " + std::to_string(static_cast<int>(cell.event));
        EXPECT_EQ(probe.fsm.state(), cell.to) << where;
        EXPECT_EQ(words, cell.words) << where;
    }
}

TEST(InstanceFsm, a_stop_before_the_process_exists_is_sent_once_it_does) {
    Probe probe = in(State::spawning);
    EXPECT_EQ(probe.on(Event::stop_graceful), none);
    EXPECT_EQ(probe.on(Event::spawned), fast);
}

TEST(InstanceFsm, a_kill_before_the_process_exists_is_repeated_once_it_does) {
    Probe probe = in(State::spawning);
    EXPECT_EQ(probe.on(Event::deadline, start + 60s), kill);
    EXPECT_EQ(probe.on(Event::spawned, start + 61s), kill);
}

TEST(InstanceFsm, a_stopped_spawn_that_fails_is_gone) {
    Probe probe = in(State::spawning);
    (void)probe.on(Event::stop_fast);
    (void)probe.on(Event::spawn_failed);
    EXPECT_EQ(probe.fsm.state(), State::gone);
}

TEST(InstanceFsm, a_graceful_stop_leaves_time_to_drain_and_to_end_the_workers) {
    Probe probe = in(State::serving);
    (void)probe.on(Event::stop_graceful);
    EXPECT_EQ(probe.armed(), 35s);
}

TEST(InstanceFsm, a_fast_stop_leaves_the_kill_timeout) {
    Probe probe = in(State::serving);
    (void)probe.on(Event::stop_fast);
    EXPECT_EQ(probe.armed(), 5s);
}

TEST(InstanceFsm, hurrying_never_prolongs_the_deadline) {
    Probe probe = in(State::draining);
    EXPECT_EQ(probe.on(Event::stop_fast, start + 33s), fast);
    EXPECT_EQ(probe.armed(), std::nullopt);
    EXPECT_EQ(probe.on(Event::deadline, start + 35s), kill);
}

TEST(InstanceFsm, a_deadline_that_fires_too_early_is_armed_again) {
    Probe probe = in(State::starting);
    EXPECT_EQ(probe.on(Event::deadline, start + 59s), none);
    EXPECT_EQ(probe.fsm.state(), State::starting);
    EXPECT_EQ(probe.armed(), 60s);
}

TEST(InstanceFsm, a_kill_is_repeated_until_the_exit_is_seen) {
    Probe probe = in(State::killing);
    EXPECT_EQ(probe.on(Event::deadline, start + 65s), kill);
    EXPECT_EQ(probe.on(Event::deadline, start + 70s), kill);
}

TEST(InstanceFsm, a_start_timeout_of_zero_means_no_deadline) {
    auto patient = std::make_shared<Spec>(*spec(1));
    patient->start_timeout = 0s;
    Commands commands;
    InstanceFsm fsm(1, *patient, start, commands);
    EXPECT_TRUE(commands.empty());
    EXPECT_FALSE(fsm.is_due(start + 24h));
}

TEST(InstanceFsm, a_question_has_a_deadline_while_it_serves_and_silence_kills_nobody) {
    Probe probe = in(State::serving);
    EXPECT_EQ(probe.on(Event::asked), none);
    EXPECT_EQ(probe.armed(), answer_patience);
    EXPECT_FALSE(probe.fsm.is_due(start + answer_patience - 1ms));
    EXPECT_TRUE(probe.fsm.is_due(start + answer_patience));
    EXPECT_EQ(probe.on(Event::deadline, start + answer_patience), none);
    EXPECT_EQ(probe.fsm.state(), State::serving);
    EXPECT_FALSE(probe.fsm.is_due(start + 1h)) << "forgotten";
}

TEST(InstanceFsm, an_answer_or_a_stop_ends_the_wait_for_it) {
    Probe probe = in(State::serving);
    (void)probe.on(Event::asked);
    (void)probe.on(Event::answered);
    EXPECT_FALSE(probe.fsm.is_due(start + 1h));
    (void)probe.on(Event::asked);
    (void)probe.on(Event::stop_graceful);
    EXPECT_EQ(probe.armed(), 35s) << "drain and kill timeouts";
    EXPECT_EQ(probe.on(Event::answered), none);
    EXPECT_TRUE(probe.fsm.is_due(start + 35s)) << "an answer that comes now changes nothing";
}

TEST(InstanceFsm, only_one_that_serves_is_asked) {
    Probe probe = in(State::draining);
    (void)probe.on(Event::asked);
    EXPECT_FALSE(probe.armed());
}

}  // namespace
}  // namespace emperor::supervise
