// SPDX-License-Identifier: Apache-2.0
// What operators and files want: requests, holds, invalid and removed files, shutdown, adoption.
#include <gtest/gtest.h>

#include "tests/unit/emperor/supervise/dialogue.h"

namespace emperor::supervise {
namespace {

const Words nothing{};

// ---- operators' requests -------------------------------------------------------------------------------------------

TEST(VassalFsm, stop_drains_and_answers_when_nothing_is_left) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.ask(Operation::stop, 5, "stop"), Words{"stop 1 graceful"});
    EXPECT_EQ(vassal.state(), DisplayState::stopping);
    EXPECT_EQ(vassal.exit(1, 0), Words{"done 5 ok"});
    EXPECT_EQ(vassal.state(), DisplayState::stopped);
    EXPECT_EQ(vassal.status().reason, "stopped by operator root");
    EXPECT_TRUE(vassal.status().is_held);
}

TEST(VassalFsm, stop_holds_over_edits_until_start) {
    Dialogue vassal = serving();
    (void)vassal.ask(Operation::stop, 5, "stop");
    (void)vassal.exit(1, 0);
    EXPECT_EQ(vassal.edit(2), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::stopped);
    EXPECT_EQ(vassal.ask(Operation::start, 6, "start"), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 2"});
    (void)vassal.tell(InstanceSpawned{2, 101});
    (void)vassal.tell(InstanceReady{2});
    EXPECT_EQ(vassal.tell(InstancePromoted{2}), (Words{"activated 2", "done 6 ok"}));
}

TEST(VassalFsm, a_start_is_told_as_the_cause_of_what_it_starts) {
    Dialogue vassal = serving();
    (void)vassal.ask(Operation::reload, 4, "reload");
    vassal.serve(2);
    (void)vassal.exit(1, 0);
    (void)vassal.ask(Operation::stop, 5, "stop");
    (void)vassal.exit(2, 0);
    (void)vassal.ask(Operation::start, 6, "start");
    (void)vassal.tell(StartSlotGranted{});
    EXPECT_EQ(vassal.last_report, "operator root: start");
}

TEST(VassalFsm, a_failing_before_start_is_named_as_such) {
    Dialogue vassal;
    (void)vassal.edit(1);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{1, 100});
    (void)vassal.tell(InstanceFailed{1, {"before_start", "exit code 4", ""}});
    (void)vassal.exit(1);
    EXPECT_EQ(vassal.state(), DisplayState::backoff);
    EXPECT_EQ(vassal.status().reason, "before_start: exit code 4");
}

TEST(VassalFsm, a_hold_of_a_former_emperor_survives) {
    Dialogue vassal("stopped by operator ann");
    EXPECT_EQ(vassal.edit(1), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::stopped);
    EXPECT_TRUE(vassal.status().is_held);
    EXPECT_EQ(vassal.status().reason, "stopped by operator ann") << "whoever told the former emperor";
}

TEST(VassalFsm, stop_of_a_stopped_one_and_start_of_a_running_one_are_done_at_once) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.ask(Operation::start, 5, "start"), Words{"done 5 ok"});
    (void)vassal.ask(Operation::stop, 6, "stop");
    (void)vassal.exit(1, 0);
    EXPECT_EQ(vassal.ask(Operation::stop, 7, "stop"), Words{"done 7 ok"});
}

TEST(VassalFsm, start_while_it_stops_waits_for_the_end) {
    Dialogue vassal = serving();
    (void)vassal.ask(Operation::stop, 5, "stop");
    EXPECT_EQ(vassal.ask(Operation::start, 6, "start"), Words{"done 5 overtaken: overtaken by operator root: start"});
    EXPECT_EQ(vassal.exit(1, 0), Words{"acquire"});
}

TEST(VassalFsm, restart_stops_first_and_then_starts) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.ask(Operation::restart, 5, "restart"), Words{"stop 1 graceful"});
    EXPECT_EQ(vassal.state(), DisplayState::stopping);
    EXPECT_EQ(vassal.exit(1, 0), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 1"});
    (void)vassal.tell(InstanceSpawned{2, 101});
    (void)vassal.tell(InstanceReady{2});
    EXPECT_EQ(vassal.tell(InstancePromoted{2}), (Words{"activated 2", "done 5 ok"}));
}

TEST(VassalFsm, reload_rolls_out_the_same_spec_and_answers_with_its_outcome) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.ask(Operation::reload, 5, "reload"), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 1"});
    (void)vassal.tell(InstanceSpawned{2, 101});
    (void)vassal.tell(InstanceReady{2});
    EXPECT_EQ(vassal.tell(InstancePromoted{2}), (Words{"stop 1 graceful", "activated 2", "done 5 ok"}));
}

TEST(VassalFsm, a_reload_that_fails_answers_with_the_step_and_the_reason) {
    Dialogue vassal = serving();
    (void)vassal.ask(Operation::reload, 5, "reload");
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    EXPECT_EQ(vassal.fail(2, "SyntaxError"), Words{"done 5 import: SyntaxError"});
    EXPECT_EQ(vassal.exit(2), Words{"release"});
    EXPECT_EQ(vassal.status().active, 1u);
}

TEST(VassalFsm, reload_of_something_not_running_starts_it) {
    Dialogue vassal;
    (void)vassal.edit(1);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawnFailed{1, {"spawn", "x", ""}});
    EXPECT_EQ(vassal.ask(Operation::reload, 5, "reload"), Words{"acquire"});
}

TEST(VassalFsm, reload_does_not_start_what_was_stopped_on_purpose) {
    Dialogue vassal = serving();
    (void)vassal.ask(Operation::stop, 5, "stop");
    (void)vassal.exit(1, 0);
    EXPECT_EQ(vassal.ask(Operation::reload, 6, "reload"),
              Words{"done 6 refused: stopped by operator root; only start and restart bring it back"});
    EXPECT_TRUE(vassal.status().is_held);
    EXPECT_EQ(vassal.ask(Operation::restart, 7, "restart"), Words{"acquire"});
}

TEST(VassalFsm, an_operator_resets_the_backoff_at_once) {
    Dialogue vassal;
    (void)vassal.edit(1);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawnFailed{1, {"spawn", "x", ""}});
    EXPECT_EQ(vassal.ask(Operation::start, 5, "start"), Words{"acquire"});
    EXPECT_TRUE(vassal.timers.empty());
    (void)vassal.tell(StartSlotGranted{});
    EXPECT_EQ(vassal.tell(InstanceSpawnFailed{2, {"spawn", "y", ""}}), (Words{"release", "done 5 spawn: y"}));
}

TEST(VassalFsm, a_second_reload_overtakes_the_first_and_loads_again) {
    Dialogue vassal = serving();
    (void)vassal.ask(Operation::reload, 5, "reload");
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    EXPECT_EQ(vassal.ask(Operation::reload, 6, "reload"),
              (Words{"done 5 overtaken: overtaken by operator root: reload", "stop 2 fast", "release"}));
    EXPECT_EQ(vassal.exit(2), Words{"acquire for a rollout"});
}

TEST(VassalFsm, an_edit_does_not_lose_a_waiting_reload_it_answers_with_the_newest_outcome) {
    Dialogue vassal = serving();
    (void)vassal.ask(Operation::reload, 5, "reload");
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    EXPECT_EQ(vassal.edit(2), (Words{"stop 2 fast", "release"}));
    (void)vassal.exit(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{3, 102});
    (void)vassal.tell(InstanceReady{3});
    EXPECT_EQ(vassal.tell(InstancePromoted{3}), (Words{"stop 1 graceful", "activated 3", "done 5 ok"}));
}

TEST(VassalFsm, stop_overtakes_a_rollout_and_hurries_only_what_never_served) {
    Dialogue vassal = serving();
    (void)vassal.ask(Operation::reload, 5, "reload");
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    EXPECT_EQ(vassal.ask(Operation::stop, 6, "stop"), (Words{"done 5 overtaken: overtaken by operator root: stop",
                                                             "release", "stop 1 graceful", "stop 2 fast"}));
}

TEST(VassalFsm, more_requests_than_the_bound_are_refused) {
    Dialogue vassal = serving();
    for (std::uint64_t ticket = 1; ticket <= VassalFsm::max_requests; ++ticket)
        (void)vassal.ask(Operation::stop, ticket, "stop");
    EXPECT_EQ(vassal.ask(Operation::stop, 999, "stop"),
              Words{"done 999 refused: too many requests wait for this vassal"});
    EXPECT_EQ(vassal.exit(1, 0).size(), VassalFsm::max_requests);
}

// ---- files ---------------------------------------------------------------------------------------------------------

TEST(VassalFsm, an_invalid_file_never_stops_a_running_vassal) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.tell(ConfigInvalid{"shop.yaml:1:1: error: x"}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::invalid);
    EXPECT_EQ(vassal.status().reason, "shop.yaml:1:1: error: x");
    EXPECT_EQ(vassal.ask(Operation::restart, 5, "restart"), Words{"done 5 configuration: shop.yaml:1:1: error: x"});
    EXPECT_EQ(vassal.ask(Operation::reload, 6, "reload"), Words{"done 6 configuration: shop.yaml:1:1: error: x"});
    EXPECT_EQ(vassal.status().active, 1u);
}

TEST(VassalFsm, a_vassal_with_an_invalid_file_is_still_restarted_after_a_crash) {
    Dialogue vassal = serving();
    (void)vassal.tell(ConfigInvalid{"bad"});
    EXPECT_EQ(vassal.exit(1), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 1"});
}

TEST(VassalFsm, an_invalid_file_starts_nothing_and_a_valid_one_recovers) {
    Dialogue vassal;
    EXPECT_EQ(vassal.tell(ConfigInvalid{"bad"}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::invalid);
    EXPECT_EQ(vassal.ask(Operation::start, 5, "start"), Words{"done 5 configuration: bad"});
    EXPECT_EQ(vassal.edit(1), Words{"acquire"});
    EXPECT_EQ(vassal.state(), DisplayState::starting);
}

TEST(VassalFsm, an_invalid_file_ends_the_retries_of_what_never_served) {
    Dialogue vassal;
    (void)vassal.edit(1);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawnFailed{1, {"spawn", "x", ""}});
    EXPECT_EQ(vassal.tell(ConfigInvalid{"bad"}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::invalid);
    EXPECT_TRUE(vassal.timers.empty());
}

TEST(VassalFsm, a_file_that_is_valid_again_unchanged_restarts_nothing) {
    Dialogue vassal = serving();
    (void)vassal.tell(ConfigInvalid{"bad"});
    EXPECT_EQ(vassal.edit(1), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::running);
}

TEST(VassalFsm, removal_drains_stops_and_forgets) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.tell(ConfigRemoved{}), Words{"stop 1 graceful"});
    EXPECT_EQ(vassal.state(), DisplayState::stopping);
    EXPECT_EQ(vassal.exit(1, 0), Words{"forget"});
}

TEST(VassalFsm, removal_beats_a_rollout_a_backoff_and_an_operator) {
    Dialogue vassal = serving();
    (void)vassal.ask(Operation::reload, 5, "reload");
    EXPECT_EQ(vassal.tell(ConfigRemoved{}),
              (Words{"release", "done 5 overtaken: overtaken by the removal of its file", "stop 1 graceful"}));
    EXPECT_EQ(vassal.ask(Operation::start, 6, "start"), Words{"done 6 refused: its file was removed"});
    EXPECT_EQ(vassal.exit(1, 0), Words{"forget"});
}

TEST(VassalFsm, removal_of_something_that_does_not_run_forgets_at_once) {
    Dialogue vassal;
    (void)vassal.tell(ConfigInvalid{"bad"});
    EXPECT_EQ(vassal.tell(ConfigRemoved{}), Words{"forget"});
}

TEST(VassalFsm, a_file_that_comes_back_starts_beside_the_one_that_still_drains) {
    Dialogue vassal = serving();
    (void)vassal.tell(ConfigRemoved{});
    EXPECT_EQ(vassal.edit(2), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 2"});
    EXPECT_EQ(vassal.exit(1, 0), nothing);
}

TEST(VassalFsm, a_disabled_file_stops_and_an_enabled_one_starts) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.tell(ConfigChanged{spec(2, false), {"edited"}}), Words{"stop 1 graceful"});
    EXPECT_EQ(vassal.exit(1, 0), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::stopped);
    EXPECT_EQ(vassal.status().reason, "disabled in its file");
    EXPECT_EQ(vassal.ask(Operation::start, 5, "start"), Words{"done 5 refused: disabled in its file"});
    EXPECT_EQ(vassal.edit(3), Words{"acquire"});
}

// ---- shutdown ------------------------------------------------------------------------------------------------------

TEST(VassalFsm, shutdown_stops_all_and_starts_nothing_more) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    EXPECT_EQ(vassal.tell(ShutdownBegan{StopMode::graceful}), (Words{"release", "stop 1 graceful", "stop 2 fast"}));
    EXPECT_EQ(vassal.edit(3), nothing);
    EXPECT_EQ(vassal.ask(Operation::start, 5, "start"), Words{"done 5 refused: the emperor is shutting down"});
    EXPECT_EQ(vassal.exit(2), nothing);
    EXPECT_EQ(vassal.pass(35s), Words{"kill 1"});
    EXPECT_EQ(vassal.exit(1), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::stopped);
    EXPECT_TRUE(vassal.timers.empty());
}

TEST(VassalFsm, a_second_shutdown_hurries) {
    Dialogue vassal = serving();
    (void)vassal.tell(ShutdownBegan{StopMode::graceful});
    EXPECT_EQ(vassal.tell(ShutdownBegan{StopMode::fast}), Words{"stop 1 fast"});
    EXPECT_EQ(vassal.tell(ShutdownBegan{StopMode::graceful}), nothing);
    EXPECT_EQ(vassal.pass(5s), Words{"kill 1"});
}

// ---- adoption ------------------------------------------------------------------------------------------------------

TEST(VassalFsm, an_adopted_instance_serves_and_numbering_continues_after_it) {
    Dialogue vassal;
    EXPECT_EQ(vassal.tell(InstanceAdopted{7, 1, spec(1), 100, false}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::running);
    EXPECT_EQ(vassal.status().active, 7u);
    EXPECT_EQ(vassal.edit(2), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 8 bank 0 spec 2"});
}

TEST(VassalFsm, an_adopted_draining_instance_gets_a_deadline) {
    Dialogue vassal;
    (void)vassal.tell(InstanceAdopted{8, 0, spec(2), 100, false});
    EXPECT_EQ(vassal.tell(InstanceAdopted{7, 1, spec(1), 99, true}), Words{"stop 7 graceful"});
    EXPECT_EQ(vassal.status().active, 8u);
    EXPECT_EQ(vassal.pass(35s), Words{"kill 7"});
}

TEST(VassalFsm, of_two_adopted_that_serve_the_newer_one_stays) {
    Dialogue vassal;
    (void)vassal.tell(InstanceAdopted{8, 0, spec(2), 100, false});
    EXPECT_EQ(vassal.tell(InstanceAdopted{7, 1, spec(1), 99, false}), Words{"stop 7 graceful"});
    EXPECT_EQ(vassal.status().active, 8u);
}

TEST(VassalFsm, an_adopted_instance_of_a_held_vassal_is_stopped) {
    Dialogue vassal("stopped by operator ann");
    EXPECT_EQ(vassal.tell(InstanceAdopted{7, 1, spec(1), 100, false}), Words{"stop 7 graceful"});
}

TEST(VassalFsm, every_display_state_has_a_name) {
    EXPECT_EQ(name_of(DisplayState::rolled_back), "rolled back");
    EXPECT_EQ(name_of(DisplayState::running), "running");
}

}  // namespace
}  // namespace emperor::supervise
