// SPDX-License-Identifier: Apache-2.0
// On demand: nothing runs until a client comes, and nothing is lost when it goes back to sleep.
#include <gtest/gtest.h>

#include "tests/unit/emperor/supervise/dialogue.h"

namespace emperor::supervise {
namespace {

const Words nothing{};

Words edit_on_demand(Dialogue& vassal, std::uint64_t id) {
    return vassal.tell(ConfigChanged{spec(id, true, true), {"edited"}});
}

Dialogue sleeping() {
    Dialogue vassal;
    (void)edit_on_demand(vassal, 1);
    return vassal;
}

Dialogue awake() {
    Dialogue vassal = sleeping();
    (void)vassal.tell(Woken{});
    vassal.serve(1);
    return vassal;
}

TEST(VassalSleep, a_new_file_starts_nothing) {
    Dialogue vassal;
    EXPECT_EQ(edit_on_demand(vassal, 1), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::sleeping);
    EXPECT_EQ(vassal.status().reason, "waits for a connection");
    EXPECT_TRUE(vassal.status().is_asleep);
    EXPECT_EQ(vassal.reports, std::vector{Report::Kind::sleeping});
}

TEST(VassalSleep, a_connection_wakes_it_once) {
    Dialogue vassal = sleeping();
    EXPECT_EQ(vassal.tell(Woken{}), Words{"acquire"});
    EXPECT_FALSE(vassal.status().is_asleep);
    EXPECT_EQ(vassal.tell(Woken{}), nothing);
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 1 bank 0 spec 1"});
    (void)vassal.tell(InstanceSpawned{1, 100});
    (void)vassal.tell(InstanceReady{1});
    EXPECT_EQ(vassal.tell(InstancePromoted{1}), Words{"activated 1"});
    EXPECT_EQ(vassal.state(), DisplayState::running);
}

TEST(VassalSleep, two_edits_while_asleep_start_nothing_and_the_newest_wakes) {
    Dialogue vassal = sleeping();
    EXPECT_EQ(edit_on_demand(vassal, 2), nothing);
    EXPECT_EQ(edit_on_demand(vassal, 3), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::sleeping);
    (void)vassal.tell(Woken{});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 1 bank 0 spec 3"});
}

TEST(VassalSleep, idle_drains_it_and_it_sleeps) {
    Dialogue vassal = awake();
    EXPECT_EQ(vassal.tell(Idle{1}), Words{"stop 1 graceful"});
    EXPECT_EQ(vassal.state(), DisplayState::sleeping);
    EXPECT_EQ(vassal.status().reason, "its last generation drains");
    EXPECT_EQ(vassal.exit(1, 0), nothing);
    EXPECT_EQ(vassal.status().reason, "waits for a connection");
    EXPECT_TRUE(vassal.timers.empty());
}

TEST(VassalSleep, a_client_that_comes_while_it_drains_wakes_the_next_one_beside_it) {
    Dialogue vassal = awake();
    (void)vassal.tell(Idle{1});
    EXPECT_EQ(vassal.tell(Woken{}), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 1"});
    EXPECT_EQ(vassal.exit(1, 0), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::starting);
}

TEST(VassalSleep, idle_of_another_generation_or_while_something_is_under_way_is_ignored) {
    Dialogue vassal = awake();
    EXPECT_EQ(vassal.tell(Idle{7}), nothing);
    EXPECT_EQ(vassal.ask(Operation::reload, 5, "reload"), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.tell(Idle{1}), nothing);
    (void)vassal.tell(StartSlotGranted{});
    EXPECT_EQ(vassal.tell(Idle{1}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::reloading);
}

TEST(VassalSleep, who_is_observed_does_not_fall_asleep) {
    Dialogue vassal = awake();
    auto observed = std::make_shared<Spec>(*spec(2, true, true));
    observed->observe = 30s;
    (void)vassal.tell(ConfigChanged{observed, {"edited"}});
    vassal.serve(2);
    ASSERT_EQ(vassal.state(), DisplayState::observing);
    EXPECT_EQ(vassal.tell(Idle{2}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::observing);
    EXPECT_EQ(vassal.pass(30s), Words{"stop 1 graceful"});
    EXPECT_EQ(vassal.tell(Idle{2}), Words{"stop 2 graceful"}) << "its time is over";
    EXPECT_EQ(vassal.state(), DisplayState::sleeping);
}

TEST(VassalSleep, idle_means_nothing_to_who_is_not_on_demand) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.tell(Idle{1}), nothing);
    EXPECT_EQ(vassal.tell(Woken{}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::running);
}

TEST(VassalSleep, start_and_restart_wake_it_and_reload_does_not) {
    Dialogue vassal = sleeping();
    EXPECT_EQ(vassal.ask(Operation::reload, 5, "reload"), Words{"done 5 ok"});
    EXPECT_EQ(vassal.state(), DisplayState::sleeping);
    EXPECT_EQ(vassal.ask(Operation::start, 6, "start"), Words{"acquire"});
    Dialogue other = sleeping();
    EXPECT_EQ(other.ask(Operation::restart, 5, "restart"), Words{"acquire"});
}

TEST(VassalSleep, stop_holds_a_sleeping_one_and_clients_do_not_wake_it) {
    Dialogue vassal = sleeping();
    EXPECT_EQ(vassal.ask(Operation::stop, 5, "stop"), Words{"done 5 ok"});
    EXPECT_EQ(vassal.state(), DisplayState::stopped);
    EXPECT_EQ(vassal.reports.back(), Report::Kind::stopped);
    EXPECT_EQ(vassal.tell(Woken{}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::stopped);
}

TEST(VassalSleep, what_was_stopped_or_disabled_while_awake_comes_back_asleep) {
    Dialogue vassal = awake();
    (void)vassal.tell(ConfigChanged{spec(2, false, true), {"edited"}});
    (void)vassal.exit(1, 0);
    EXPECT_EQ(vassal.state(), DisplayState::stopped);
    EXPECT_EQ(edit_on_demand(vassal, 3), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::sleeping);
}

TEST(VassalSleep, removal_of_a_sleeping_one_forgets_it_at_once) {
    Dialogue vassal = sleeping();
    EXPECT_EQ(vassal.tell(ConfigRemoved{}), Words{"forget"});
}

TEST(VassalSleep, no_longer_on_demand_starts_it_and_on_demand_at_last_stops_nothing) {
    Dialogue vassal = sleeping();
    EXPECT_EQ(vassal.edit(2), Words{"acquire"});
    vassal.serve(1);
    EXPECT_EQ(edit_on_demand(vassal, 3), Words{"acquire for a rollout"});  // the rollout of an edit; it goes on running
    EXPECT_EQ(vassal.state(), DisplayState::reloading);
}

TEST(VassalSleep, a_broken_edit_while_asleep_wakes_what_is_proven) {
    Dialogue vassal = awake();
    (void)vassal.tell(Idle{1});
    (void)vassal.exit(1, 0);
    (void)edit_on_demand(vassal, 2);
    (void)vassal.tell(Woken{});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 2"});
    (void)vassal.tell(InstanceSpawned{2, 101});
    EXPECT_EQ(vassal.fail(2, "broken"), Words{"release"});
    EXPECT_EQ(vassal.exit(2), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 3 bank 0 spec 1"});
}

TEST(VassalSleep, an_invalid_file_is_shown_and_the_last_valid_one_still_wakes) {
    Dialogue vassal = sleeping();
    EXPECT_EQ(vassal.tell(ConfigInvalid{"bad"}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::invalid);
    EXPECT_TRUE(vassal.status().is_asleep);
    EXPECT_EQ(vassal.tell(Woken{}), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 1 bank 0 spec 1"});
}

TEST(VassalSleep, a_wake_that_fails_is_tried_again_with_backoff) {
    Dialogue vassal = sleeping();
    (void)vassal.tell(Woken{});
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{1, 100});
    (void)vassal.fail(1, "broken");
    (void)vassal.exit(1);
    EXPECT_EQ(vassal.state(), DisplayState::backoff);
    EXPECT_EQ(vassal.pass(200ms), Words{"acquire to retry"});
}

TEST(VassalSleep, a_crash_while_awake_is_restarted) {
    Dialogue vassal = awake();
    EXPECT_EQ(vassal.exit(1), Words{"acquire"});
}

TEST(VassalSleep, what_a_former_emperor_ran_is_awake) {
    Dialogue vassal;
    const SpecPtr known = spec(1, true, true);
    (void)vassal.tell(InstanceAdopted{3, 1, known, 100, false});
    (void)vassal.tell(ConfigChanged{known, {"adopted"}});
    EXPECT_EQ(vassal.state(), DisplayState::running);
    EXPECT_EQ(vassal.tell(Idle{3}), Words{"stop 3 graceful"});
}

// ---- by the configuration that a start would use --------------------------------------------------------------------

TEST(VassalSleep, what_was_rolled_back_to_sleeps_and_wakes_although_its_file_says_otherwise) {
    Dialogue vassal = awake();
    (void)vassal.edit_observed(2);
    vassal.serve(2);
    ASSERT_EQ(vassal.tell(InstanceExited{2, {ExitStatus::Kind::signaled, 9}}), (Words{"resume 1", "activated 1"}));
    EXPECT_EQ(vassal.tell(Idle{1}), Words{"stop 1 graceful"});
    EXPECT_EQ(vassal.state(), DisplayState::sleeping);
    EXPECT_EQ(vassal.status().next_spec, 1u);
    (void)vassal.exit(1, 0);
    EXPECT_EQ(vassal.tell(Woken{}), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 3 bank 0 spec 1"});
    vassal.serve(3);
    EXPECT_EQ(vassal.edit(4), Words{"acquire for a rollout"});
}

TEST(VassalSleep, what_was_rolled_back_to_stays_up_although_its_file_is_on_demand) {
    Dialogue vassal = serving();
    auto observed = std::make_shared<Spec>(*spec(2, true, true));
    observed->observe = 30s;
    (void)vassal.tell(ConfigChanged{observed, {"edited"}});
    vassal.serve(2);
    (void)vassal.exit(2);
    ASSERT_EQ(vassal.state(), DisplayState::rolled_back);
    EXPECT_EQ(vassal.tell(Idle{1}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::rolled_back);
}

TEST(VassalSleep, a_rejected_edit_changes_nothing_about_who_sleeps) {
    Dialogue vassal = awake();
    (void)vassal.edit(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    (void)vassal.fail(2, "broken");
    (void)vassal.exit(2);
    EXPECT_EQ(vassal.tell(Idle{1}), Words{"stop 1 graceful"});
    EXPECT_EQ(vassal.state(), DisplayState::sleeping);
    (void)vassal.exit(1, 0);
    EXPECT_EQ(vassal.tell(Woken{}), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 3 bank 0 spec 1"});
}

}  // namespace
}  // namespace emperor::supervise
