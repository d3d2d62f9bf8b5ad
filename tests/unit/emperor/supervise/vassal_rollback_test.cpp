// SPDX-License-Identifier: Apache-2.0
// A generation that is observed after its promotion, the way back from it, and an operator's rollback.
#include <gtest/gtest.h>

#include "emperor/supervise/error_bound.h"
#include "tests/unit/emperor/supervise/dialogue.h"

namespace emperor::supervise {
namespace {

const Words nothing{};

// Generation 2 serves and is observed, generation 1 stands by.
Dialogue observing() {
    Dialogue vassal = serving();
    (void)vassal.edit_observed(2);
    vassal.serve(2);
    return vassal;
}

Words roll_back(Dialogue& vassal, std::uint64_t ticket, SpecPtr last_good) {
    return vassal.tell(OperatorRequest{Operation::rollback, ticket, {"operator root: rollback"}, std::move(last_good)});
}

// ---- observation ---------------------------------------------------------------------------------------------------

TEST(VassalFsm, the_predecessor_of_an_observed_generation_is_suspended_and_stays) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.edit_observed(2), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 2"});
    (void)vassal.tell(InstanceSpawned{2, 101});
    EXPECT_EQ(vassal.tell(InstanceReady{2}), Words{"promote 2"});
    // The next vassal's rollout does not wait for the observation.
    EXPECT_EQ(vassal.tell(InstancePromoted{2}), (Words{"suspend 1", "activated 2", "release"}));
    const VassalStatus status = vassal.status();
    EXPECT_EQ(status.state, DisplayState::observing);
    EXPECT_EQ(status.reason, "generation 2");
    EXPECT_EQ(status.active, 2u);
    EXPECT_EQ(status.standby, 1u);
    EXPECT_EQ(status.observed_until, vassal.now + 30s);
    EXPECT_EQ(status.last_reload, "ok");
}

TEST(VassalFsm, a_good_generation_ends_its_observation_and_the_standby_goes) {
    Dialogue vassal = observing();
    EXPECT_EQ(vassal.pass(29s), nothing);
    EXPECT_EQ(vassal.tell(Observed{2, 10'000, 100}), nothing);
    EXPECT_EQ(vassal.pass(1s), Words{"stop 1 graceful"});
    EXPECT_EQ(vassal.state(), DisplayState::running);
    EXPECT_EQ(vassal.status().standby, 0u);
    EXPECT_EQ(vassal.exit(1, 0), nothing);
    EXPECT_TRUE(vassal.timers.empty());
    EXPECT_EQ(vassal.reports.back(), Report::Kind::stopping);
    // Too late: there is nothing to go back to.
    EXPECT_EQ(vassal.tell(Observed{2, 10'000, 9'000}), nothing);
}

TEST(VassalFsm, too_many_5xx_bring_the_standby_back_before_the_bad_one_is_drained) {
    Dialogue vassal = observing();
    EXPECT_EQ(vassal.tell(Observed{2, 49, 49}), nothing);
    EXPECT_EQ(vassal.tell(Observed{2, 100, 6}), (Words{"resume 1", "stop 2 graceful", "activated 1"}));
    const VassalStatus status = vassal.status();
    EXPECT_EQ(status.state, DisplayState::rolled_back);
    EXPECT_EQ(status.active, 1u);
    EXPECT_EQ(status.standby, 0u);
    EXPECT_EQ(status.reason, "generation 2: 6 of 100 requests answered with a 5xx since the promotion (6 %; "
                             "rollout.max_error_rate: 5 %)");
    EXPECT_EQ(status.last_reload.substr(0, 12), "failed: 6 of");
    EXPECT_EQ(status.last_reload_failure->step, "observe");
    EXPECT_EQ(vassal.exit(2, 0), nothing);
}

TEST(VassalFsm, what_was_rolled_back_is_not_tried_again_until_something_changes) {
    Dialogue vassal = observing();
    (void)vassal.tell(Observed{2, 100, 100});
    (void)vassal.exit(2, 0);
    EXPECT_EQ(vassal.pass(1h), nothing);
    EXPECT_EQ(vassal.tell(ConfigInvalid{"bad"}), nothing);
    EXPECT_EQ(vassal.tell(ConfigChanged{observed_spec(2), {"valid again"}}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::rolled_back);
    EXPECT_EQ(vassal.edit(3), Words{"acquire for a rollout"});
    vassal.serve(3);
    EXPECT_EQ(vassal.state(), DisplayState::running);
    EXPECT_EQ(vassal.status().last_reload, "ok");
    EXPECT_TRUE(vassal.status().rolled_back.empty());
}

TEST(VassalFsm, a_reload_after_a_rollback_tries_the_file_again) {
    Dialogue vassal = observing();
    (void)vassal.tell(Observed{2, 100, 100});
    (void)vassal.exit(2, 0);
    EXPECT_EQ(vassal.ask(Operation::reload, 5, "reload"), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 3 bank 1 spec 2"});
}

TEST(VassalFsm, what_was_rolled_back_to_comes_back_after_a_crash_and_after_a_stop) {
    Dialogue vassal = observing();
    (void)vassal.tell(Observed{2, 100, 100});
    (void)vassal.exit(2, 0);
    EXPECT_EQ(vassal.exit(1), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 3 bank 1 spec 1"});
    vassal.serve(3);
    EXPECT_EQ(vassal.state(), DisplayState::rolled_back);
    (void)vassal.ask(Operation::stop, 5, "stop");
    (void)vassal.exit(3, 0);
    EXPECT_EQ(vassal.ask(Operation::start, 6, "start"), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 4 bank 0 spec 1"});
}

TEST(VassalFsm, a_master_that_dies_while_it_is_observed_is_replaced_by_the_standby_at_once) {
    Dialogue vassal = observing();
    EXPECT_EQ(vassal.tell(InstanceExited{2, {ExitStatus::Kind::signaled, 9}}), (Words{"resume 1", "activated 1"}));
    EXPECT_EQ(vassal.state(), DisplayState::rolled_back);
    EXPECT_EQ(vassal.status().reason, "generation 2: signal 9 (SIGKILL)");
    EXPECT_EQ(vassal.status().crashes, 0u);
}

TEST(VassalFsm, one_that_gives_up_or_has_no_worker_is_rolled_back_without_waiting_for_its_end) {
    Dialogue first = observing();
    EXPECT_EQ(first.fail(2, "scoreboard lost"), (Words{"resume 1", "activated 1"}));
    Dialogue second = observing();
    EXPECT_EQ(second.tell(InstanceServing{2, false, "worker 1: exit code 3"}),
              (Words{"resume 1", "stop 2 graceful", "activated 1"}));
    EXPECT_EQ(second.status().reason, "generation 2: worker 1: exit code 3");
}

TEST(VassalFsm, one_that_lost_its_workers_during_its_promotion_is_rolled_back_at_once) {
    Dialogue vassal = serving();
    (void)vassal.edit_observed(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    (void)vassal.tell(InstanceReady{2});
    (void)vassal.tell(InstanceServing{2, false, "worker 1: exit code 3"});
    EXPECT_EQ(vassal.tell(InstancePromoted{2}),
              (Words{"suspend 1", "activated 2", "resume 1", "stop 2 graceful", "activated 1"}));
}

TEST(VassalFsm, without_a_standby_that_can_serve_a_bad_one_stays) {
    Dialogue vassal = observing();
    (void)vassal.tell(InstanceServing{1, false, "worker 1: exit code 3"});
    EXPECT_EQ(vassal.tell(Observed{2, 100, 100}), nothing);
    EXPECT_EQ(vassal.tell(InstanceServing{1, true, ""}), nothing);
    EXPECT_EQ(vassal.tell(Observed{2, 100, 100}), (Words{"resume 1", "stop 2 graceful", "activated 1"}));
}

TEST(VassalFsm, a_standby_that_dies_ends_the_observation_and_nothing_else) {
    Dialogue vassal = observing();
    EXPECT_EQ(vassal.exit(1), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::running);
    EXPECT_EQ(vassal.reports.back(), Report::Kind::standby_lost);
    EXPECT_TRUE(vassal.timers.empty());
    EXPECT_EQ(vassal.exit(2), Words{"acquire"});
}

TEST(VassalFsm, one_that_could_not_serve_is_no_standby) {
    Dialogue vassal = serving();
    (void)vassal.tell(InstanceServing{1, false, "worker 1: exit code 3"});
    (void)vassal.edit_observed(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    (void)vassal.tell(InstanceReady{2});
    EXPECT_EQ(vassal.tell(InstancePromoted{2}), (Words{"stop 1 graceful", "activated 2"}));
}

TEST(VassalFsm, an_edit_during_the_observation_ends_the_standby_first) {
    Dialogue vassal = observing();
    EXPECT_EQ(vassal.edit(3), Words{"stop 1 graceful"});
    EXPECT_EQ(vassal.status().reason, "waits for generation 1 to end");
    EXPECT_EQ(vassal.exit(1, 0), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 3 bank 0 spec 3"});
    EXPECT_EQ(vassal.tell(Observed{2, 100, 100}), nothing);
}

TEST(VassalFsm, a_live_edit_during_the_observation_keeps_the_standby) {
    Dialogue vassal = observing();
    EXPECT_EQ(vassal.tell(ConfigChanged{observed_spec(3), {"edited"}, Change::live}), Words{"reconfigure 2 live spec 3"});
    EXPECT_EQ(vassal.answer(2, 3, InstanceReconfigured::Outcome::applied), Words{"activated 2"});
    EXPECT_EQ(vassal.status().standby, 1u);
    EXPECT_EQ(vassal.state(), DisplayState::observing);
    EXPECT_EQ(vassal.tell(Observed{2, 100, 100}), (Words{"resume 1", "stop 2 graceful", "activated 1"}));
    EXPECT_EQ(vassal.state(), DisplayState::rolled_back);
}

TEST(VassalFsm, a_rollback_overtakes_a_change_in_place_during_the_observation) {
    Dialogue vassal = observing();
    (void)vassal.edit(3, Change::recycle);
    EXPECT_EQ(roll_back(vassal, 5, nullptr), (Words{"resume 1", "stop 2 graceful", "activated 1", "done 5 ok"}));
    EXPECT_EQ(vassal.answer(2, 3, InstanceReconfigured::Outcome::applied), nothing) << "it is on its way out";
    EXPECT_EQ(vassal.exit(2, 0), nothing);
    EXPECT_EQ(vassal.status().active, 1u);
}

TEST(VassalFsm, stop_restart_and_removal_end_the_standby_too) {
    Dialogue first = observing();
    EXPECT_EQ(first.ask(Operation::stop, 5, "stop"), (Words{"stop 1 graceful", "stop 2 graceful"}));
    Dialogue second = observing();
    EXPECT_EQ(second.ask(Operation::restart, 5, "restart"), (Words{"stop 1 graceful", "stop 2 graceful"}));
    Dialogue third = observing();
    EXPECT_EQ(third.tell(ConfigRemoved{}), (Words{"stop 1 graceful", "stop 2 graceful"}));
    EXPECT_EQ(third.exit(2, 0), nothing);
    EXPECT_EQ(third.exit(1, 0), Words{"forget"});
}

// ---- operators -----------------------------------------------------------------------------------------------------

TEST(VassalFsm, an_operators_rollback_uses_the_standby_and_is_done_at_once) {
    Dialogue vassal = observing();
    EXPECT_EQ(roll_back(vassal, 5, nullptr), (Words{"resume 1", "stop 2 graceful", "activated 1", "done 5 ok"}));
    EXPECT_EQ(vassal.state(), DisplayState::rolled_back);
    EXPECT_EQ(vassal.status().reason, "by operator root");
    EXPECT_EQ(vassal.status().last_reload, "rolled back by operator root");
    EXPECT_FALSE(vassal.status().last_reload_failure);
}

TEST(VassalFsm, a_rollback_without_a_standby_is_a_rollout_of_the_last_good_configuration) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    vassal.serve(2);
    (void)vassal.exit(1, 0);
    EXPECT_EQ(roll_back(vassal, 5, observed_spec(1)), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 3 bank 0 spec 1"});
    EXPECT_EQ(roll_back(vassal, 6, observed_spec(1)), nothing);  // waits for the same outcome
    (void)vassal.tell(InstanceSpawned{3, 102});
    (void)vassal.tell(InstanceReady{3});
    // What one would go back to is not observed itself.
    EXPECT_EQ(vassal.tell(InstancePromoted{3}), (Words{"stop 2 graceful", "activated 3", "done 5 ok", "done 6 ok"}));
    EXPECT_EQ(vassal.state(), DisplayState::rolled_back);
    EXPECT_EQ(roll_back(vassal, 7, spec(2)).front().substr(0, 55), "done 7 refused: rolled back already: by operator root; ");
    (void)vassal.exit(2, 0);
    EXPECT_EQ(vassal.ask(Operation::restart, 8, "restart"), Words{"stop 3 graceful"});
    (void)vassal.exit(3, 0);
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 4 bank 1 spec 2"});
}

TEST(VassalFsm, a_rollback_that_fails_leaves_what_runs) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    vassal.serve(2);
    (void)vassal.exit(1, 0);
    (void)roll_back(vassal, 5, spec(1));
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{3, 102});
    EXPECT_EQ(vassal.fail(3, "no module named old"), Words{"done 5 import: no module named old"});
    (void)vassal.exit(3);
    EXPECT_EQ(vassal.pass(1h), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::running);
    EXPECT_EQ(vassal.status().active, 2u);
    EXPECT_EQ(vassal.exit(2), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 4 bank 0 spec 2"});
}

TEST(VassalFsm, a_rollback_during_a_rollout_gives_the_rollout_up) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    (void)vassal.tell(StartSlotGranted{});
    (void)vassal.tell(InstanceSpawned{2, 101});
    EXPECT_EQ(roll_back(vassal, 5, spec(9)), (Words{"done 5 ok", "stop 2 fast", "release"}));
    EXPECT_EQ(vassal.exit(2), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::rolled_back);
    EXPECT_EQ(vassal.status().active, 1u);
    EXPECT_EQ(vassal.pass(1h), nothing);
}

TEST(VassalFsm, a_rollback_without_anything_to_go_back_to_is_refused) {
    Dialogue vassal = serving();
    EXPECT_EQ(roll_back(vassal, 5, nullptr),
              Words{"done 5 refused: no other configuration of it has served before the one of now"});
}

TEST(VassalFsm, a_rollback_does_not_start_what_an_operator_stopped) {
    Dialogue vassal = serving();
    (void)vassal.ask(Operation::stop, 5, "stop");
    (void)vassal.exit(1, 0);
    EXPECT_EQ(roll_back(vassal, 6, spec(9)),
              Words{"done 6 refused: stopped by operator root; only start and restart bring it back"});
    EXPECT_TRUE(vassal.status().is_held);
}

TEST(VassalFsm, a_rollback_brings_back_what_crashes_and_what_has_an_invalid_file) {
    Dialogue vassal = serving();
    (void)vassal.edit(2);
    vassal.serve(2);
    (void)vassal.exit(1, 0);
    (void)vassal.exit(2);
    vassal.serve(3);
    (void)vassal.exit(3);
    ASSERT_EQ(vassal.state(), DisplayState::backoff);
    (void)vassal.tell(ConfigInvalid{"bad"});
    EXPECT_EQ(roll_back(vassal, 5, spec(1)), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 4 bank 1 spec 1"});
}

// ---- over a change of emperors -------------------------------------------------------------------------------------

TEST(VassalFsm, an_adopted_standby_goes_on_standing_by) {
    Dialogue vassal;
    (void)vassal.tell(InstanceAdopted{8, 0, observed_spec(2), 100, false});
    EXPECT_EQ(vassal.tell(InstanceAdopted{7, 1, spec(1), 99, false, true, 12s}), Words{"suspend 7"});
    EXPECT_EQ(vassal.state(), DisplayState::observing);
    EXPECT_EQ(vassal.pass(12s), Words{"stop 7 graceful"});
}

TEST(VassalFsm, an_adopted_standby_whose_successor_is_gone_serves_again) {
    Dialogue vassal;
    EXPECT_EQ(vassal.tell(InstanceAdopted{7, 1, spec(1), 99, false, true, 12s}), Words{"resume 7"});
    EXPECT_EQ(vassal.state(), DisplayState::running);
    EXPECT_EQ(vassal.status().active, 7u);
}

TEST(VassalFsm, a_former_emperors_rollback_stands) {
    Dialogue vassal;
    const SpecPtr good = spec(1);
    (void)vassal.tell(InstanceAdopted{7, 1, good, 99, false});
    EXPECT_EQ(vassal.tell(RollbackAdopted{spec(2), good, "by operator root"}), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::rolled_back);
    EXPECT_EQ(vassal.exit(7), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 8 bank 0 spec 1"});

    Dialogue stopped;
    EXPECT_EQ(stopped.tell(RollbackAdopted{spec(2), good, "by operator root"}), Words{"acquire"});
    EXPECT_EQ(stopped.tell(StartSlotGranted{}), Words{"spawn 1 bank 0 spec 1"});
}

// ---- the bound -----------------------------------------------------------------------------------------------------

TEST(ErrorBound, is_exceeded_above_its_percentage_and_from_50_requests_on) {
    const ErrorBound bound(5);
    EXPECT_FALSE(bound.is_exceeded(49, 49));
    EXPECT_FALSE(bound.is_exceeded(100, 5));
    EXPECT_TRUE(bound.is_exceeded(100, 6));
    EXPECT_TRUE(bound.is_exceeded(50, 50));
    EXPECT_TRUE(ErrorBound(0).is_exceeded(1'000'000, 1));
    EXPECT_FALSE(ErrorBound(0).is_exceeded(1'000'000, 0));
    EXPECT_FALSE(ErrorBound(100).is_exceeded(100, 100));
}

TEST(ErrorBound, survives_whatever_stands_in_the_scoreboard) {
    constexpr std::uint64_t most = ~std::uint64_t{0};
    EXPECT_TRUE(ErrorBound(5).is_exceeded(most, most));
    EXPECT_FALSE(ErrorBound(100).is_exceeded(60, most));
    EXPECT_EQ(ErrorBound(5).text(60, most), "60 of 60 requests answered with a 5xx since the promotion (100 %; "
                                            "rollout.max_error_rate: 5 %)");
}

}  // namespace
}  // namespace emperor::supervise
