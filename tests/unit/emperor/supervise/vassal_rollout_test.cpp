// SPDX-License-Identifier: Apache-2.0
// Starts, rollouts, failing and overtaken ones, crashes and backoff.
#include <gtest/gtest.h>

#include "tests/unit/emperor/supervise/dialogue.h"

namespace emperor::supervise {
namespace {

const Words nothing{};

// ---- starts --------------------------------------------------------------------------------------------------------

TEST(VassalFsm, a_new_file_starts_a_generation_and_promotes_it_when_ready) {
    Dialogue vassal;
    EXPECT_EQ(vassal.edit(1), Words{"acquire"});
    EXPECT_EQ(vassal.state(), DisplayState::starting);
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 1 bank 0 spec 1"});
    EXPECT_EQ(vassal.tell(InstanceSpawned{1, 100}), nothing);
    EXPECT_EQ(vassal.tell(InstanceStep{1, "import"}), nothing);
    EXPECT_EQ(vassal.status().reason, "import");
    EXPECT_EQ(vassal.tell(InstanceReady{1}), (Words{"promote 1", "release"}));
    EXPECT_EQ(vassal.tell(InstancePromoted{1}), Words{"activated 1"});
    EXPECT_EQ(vassal.state(), DisplayState::running);
    EXPECT_EQ(vassal.status().active, 1u);
    EXPECT_TRUE(vassal.timers.empty());
}

TEST(VassalFsm, a_first_start_that_fails_is_retried_with_backoff) {
    Dialogue vassal;
    (void)vassal.edit(1);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{1, 100});
    EXPECT_EQ(vassal.fail(1, "no module named x"), Words{"release"});
    EXPECT_EQ(vassal.state(), DisplayState::backoff);
    EXPECT_EQ(vassal.status().reason, "no module named x");
    ASSERT_TRUE(vassal.status().retry_at);
    EXPECT_LE(*vassal.status().retry_at, vassal.now + 120ms);
    EXPECT_EQ(vassal.exit(1), nothing);
    EXPECT_EQ(vassal.pass(200ms), Words{"acquire to retry"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 1"});
}

TEST(VassalFsm, delays_between_failing_starts_double) {
    Dialogue vassal;
    (void)vassal.edit(1);
    Duration last{};
    for (Generation generation = 1; generation <= 8; ++generation) {
        (void)vassal.tell(StartSlotGranted{});
        (void)vassal.tell(InstanceSpawnFailed{generation, {"spawn", "no such file", ""}});
        const Duration delay = *vassal.status().retry_at - vassal.now;
        EXPECT_GT(delay, last * 12 / 10);
        last = delay;
        EXPECT_EQ(vassal.pass(delay), Words{"acquire to retry"});
    }
}

TEST(VassalFsm, a_start_that_hangs_is_killed_at_its_timeout_and_the_retry_waits_for_its_end) {
    Dialogue vassal;
    (void)vassal.edit(1);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{1, 100});
    (void)vassal.tell(InstanceStep{1, "import"});
    EXPECT_EQ(vassal.pass(60s), (Words{"kill 1", "release"}));
    EXPECT_EQ(vassal.status().reason, "not ready within timeouts.start (60000 ms), at step import");
    EXPECT_EQ(vassal.pass(4s), nothing);
    EXPECT_EQ(vassal.exit(1), Words{"acquire to retry"});
}

// ---- rollouts ------------------------------------------------------------------------------------------------------

TEST(VassalFsm, an_edit_replaces_a_running_generation_only_once_the_new_one_serves) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.edit(2), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.state(), DisplayState::reloading);
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 2"});
    EXPECT_EQ(vassal.tell(InstanceSpawned{2, 101}), nothing);
    EXPECT_EQ(vassal.tell(InstanceReady{2}), Words{"promote 2"});
    EXPECT_EQ(vassal.tell(InstancePromoted{2}), (Words{"stop 1 graceful", "activated 2"}));
    EXPECT_EQ(vassal.status().last_reload, "ok");
    EXPECT_EQ(vassal.exit(1, 0), Words{"release"});
    EXPECT_EQ(vassal.state(), DisplayState::running);
    EXPECT_TRUE(vassal.timers.empty());
}

TEST(VassalFsm, a_successor_that_fails_leaves_the_old_one_serving_and_is_not_retried) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    EXPECT_EQ(vassal.fail(2, "SyntaxError"), nothing);
    EXPECT_EQ(vassal.exit(2), Words{"release"});
    EXPECT_EQ(vassal.pass(1h), nothing);
    const VassalStatus status = vassal.status();
    EXPECT_EQ(status.state, DisplayState::running);
    EXPECT_EQ(status.active, 1u);
    EXPECT_EQ(status.last_reload, "failed: SyntaxError");
    EXPECT_EQ(status.last_reload_failure->detail, "Traceback");
    EXPECT_EQ(vassal.edit(3), Words{"acquire for a rollout"});
}

TEST(VassalFsm, a_success_clears_the_failed_reload) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawnFailed{2, {"spawn", "no memory", ""}});
    (void)vassal.edit(3);
    vassal.serve(3);
    EXPECT_EQ(vassal.status().last_reload, "ok");
    EXPECT_FALSE(vassal.status().last_reload_failure);
}

TEST(VassalFsm, a_successor_that_never_gets_ready_is_killed_and_the_old_one_stays) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    EXPECT_EQ(vassal.pass(60s), Words{"kill 2"});
    EXPECT_EQ(vassal.pass(5s), Words{"kill 2"});
    EXPECT_EQ(vassal.tell(InstanceExited{2, {ExitStatus::Kind::signaled, 9}}), Words{"release"});
    EXPECT_EQ(vassal.state(), DisplayState::running);
}

TEST(VassalFsm, a_newer_edit_stops_the_successor_and_starts_the_newest_once_it_is_gone) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    EXPECT_EQ(vassal.edit(3), (Words{"stop 2 fast", "release"}));
    EXPECT_EQ(vassal.edit(4), nothing);
    EXPECT_EQ(vassal.exit(2), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 3 bank 1 spec 4"});
    EXPECT_EQ(vassal.status().last_reload, "");
}

TEST(VassalFsm, an_overtaken_successor_whose_promotion_is_under_way_is_let_through_and_then_replaced) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    (void)vassal.tell(InstanceReady{2});
    EXPECT_EQ(vassal.edit(3), nothing);
    EXPECT_EQ(vassal.tell(InstancePromoted{2}), (Words{"stop 1 graceful", "activated 2", "release"}));
    EXPECT_EQ(vassal.exit(1, 0), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 3 bank 0 spec 3"});
}

TEST(VassalFsm, an_edit_while_the_predecessor_drains_waits_for_it_at_most_its_drain_and_kill_timeouts) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    vassal.serve(2);
    EXPECT_EQ(vassal.edit(3), Words{"release"});
    EXPECT_EQ(vassal.status().reason, "waits for generation 1 to end");
    EXPECT_EQ(vassal.pass(34s), nothing);
    EXPECT_EQ(vassal.pass(1s), Words{"kill 1"});
    EXPECT_EQ(vassal.exit(1), Words{"acquire for a rollout"});
}

TEST(VassalFsm, the_same_spec_never_restarts_by_itself) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.edit(1), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::running);
}

TEST(VassalFsm, a_grant_that_comes_after_it_was_withdrawn_starts_nothing) {
    Dialogue vassal;
    (void)vassal.edit(1);
    EXPECT_EQ(vassal.tell(ConfigInvalid{"bad"}), Words{"release"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), nothing);
}

TEST(VassalFsm, a_rollout_holds_its_slot_until_its_predecessor_is_gone_but_not_for_ever) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    vassal.serve(2);
    EXPECT_EQ(vassal.pass(VassalFsm::handover_hold - 1s), nothing);
    EXPECT_EQ(vassal.pass(1s), Words{"release"});
    EXPECT_EQ(vassal.exit(1, 0), nothing);
    EXPECT_TRUE(vassal.timers.empty());
}

TEST(VassalFsm, a_crash_while_a_rollout_waits_for_its_slot_asks_for_one_of_a_start) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.edit(2), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.exit(1), (Words{"release", "acquire"}));
}

// ---- crashes -------------------------------------------------------------------------------------------------------

TEST(VassalFsm, a_crashed_master_is_restarted_at_once_the_first_time_and_then_with_backoff) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.tell(InstanceExited{1, {ExitStatus::Kind::signaled, 9}}), Words{"acquire"});
    vassal.serve(2);
    EXPECT_EQ(vassal.status().crashes, 1u);
    EXPECT_EQ(vassal.exit(2), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::backoff);
    EXPECT_EQ(vassal.pass(120ms), Words{"acquire to retry"});
}

TEST(VassalFsm, serving_for_restart_stable_makes_the_next_crash_a_first_one) {
    Dialogue vassal = serving();
    (void)vassal.exit(1);
    vassal.serve(2);
    (void)vassal.pass(10s);
    EXPECT_EQ(vassal.status().crashes, 0u);
    EXPECT_EQ(vassal.exit(2), Words{"acquire"});
}

TEST(VassalFsm, an_edit_resets_the_backoff_at_once) {
    Dialogue vassal = serving();
    (void)vassal.exit(1);
    vassal.serve(2);
    (void)vassal.exit(2);
    EXPECT_EQ(vassal.edit(2), Words{"acquire"});
    EXPECT_EQ(vassal.status().crashes, 0u);
    EXPECT_FALSE(vassal.status().retry_at);
    EXPECT_TRUE(vassal.timers.empty());
}

TEST(VassalFsm, a_crash_after_a_rejected_edit_restarts_what_served_before) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawnFailed{2, {"spawn", "x", ""}});
    EXPECT_EQ(vassal.exit(1), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 3 bank 1 spec 1"});
    EXPECT_EQ(vassal.status().last_reload, "failed: x");
}

TEST(VassalFsm, a_crash_during_a_rollout_lets_the_successor_finish) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    EXPECT_EQ(vassal.exit(1), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::starting);
    (void)vassal.tell(InstanceReady{2});
    EXPECT_EQ(vassal.tell(InstancePromoted{2}), (Words{"activated 2", "release"}));
}

TEST(VassalFsm, when_both_the_running_one_and_its_successor_die_the_proven_one_comes_back) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    (void)vassal.exit(1);
    EXPECT_EQ(vassal.exit(2), (Words{"release", "acquire"}));
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 3 bank 1 spec 1"});
}

TEST(VassalFsm, a_master_that_gives_up_counts_as_crashed_with_its_own_words) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.fail(1, "scoreboard lost"), nothing);
    EXPECT_EQ(vassal.exit(1), Words{"acquire"});
    vassal.serve(2);
    (void)vassal.exit(2);
    EXPECT_EQ(vassal.status().reason, "exit code 1");
}

TEST(VassalFsm, a_master_without_serving_workers_is_shown_and_is_no_crash) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.tell(InstanceServing{1, false, "worker 1: exit code 3"}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::backoff);
    EXPECT_EQ(vassal.status().reason, "worker 1: exit code 3");
    EXPECT_EQ(vassal.status().crashes, 0u);
    EXPECT_EQ(vassal.tell(InstanceServing{1, true, ""}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::running);
}

TEST(VassalFsm, workers_lost_while_the_promotion_is_under_way_are_shown_once_it_is_active) {
    Dialogue vassal;
    (void)vassal.edit(1);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{1, 100});
    (void)vassal.tell(InstanceReady{1});
    (void)vassal.tell(InstanceServing{1, false, "worker 1: signal 11 (SIGSEGV)"});
    EXPECT_EQ(vassal.tell(InstancePromoted{1}), Words{"activated 1"});
    EXPECT_EQ(vassal.state(), DisplayState::backoff);
    EXPECT_EQ(vassal.status().reason, "worker 1: signal 11 (SIGSEGV)");
}

TEST(VassalFsm, the_exit_of_an_unknown_generation_is_ignored) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.exit(77), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::running);
}

}  // namespace
}  // namespace emperor::supervise
