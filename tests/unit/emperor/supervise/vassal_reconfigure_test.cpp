// SPDX-License-Identifier: Apache-2.0
// Edits that are carried out in place, and those that must not be.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/emperor/supervise/dialogue.h"

namespace emperor::supervise {
namespace {

using Outcome = InstanceReconfigured::Outcome;
const Words nothing{};

bool has(const Dialogue& vassal, Report::Kind kind) { return std::ranges::count(vassal.reports, kind) > 0; }

TEST(VassalReconfigure, a_live_edit_changes_the_running_generation) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.edit(2, Change::live), Words{"reconfigure 1 live spec 2"});
    EXPECT_EQ(vassal.state(), DisplayState::reloading);
    EXPECT_EQ(vassal.answer(1, 2, Outcome::applied), Words{"activated 1"});
    EXPECT_EQ(vassal.state(), DisplayState::running);
    EXPECT_EQ(vassal.status().last_reload, "applied in place");
    EXPECT_TRUE(has(vassal, Report::Kind::reconfigured));
    EXPECT_FALSE(has(vassal, Report::Kind::reloading));
    EXPECT_TRUE(vassal.timers.empty());
    // Proven by it: what crashes later starts with it.
    EXPECT_EQ(vassal.exit(1), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 2"});
}

TEST(VassalReconfigure, a_recycle_edit_is_done_when_the_workers_are_replaced) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.edit(2, Change::recycle), Words{"reconfigure 1 recycle spec 2"});
    EXPECT_EQ(vassal.answer(1, 2, Outcome::taken), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::reloading);
    EXPECT_EQ(vassal.status().reason, "replaces its workers");
    EXPECT_TRUE(vassal.timers.empty()) << "how long that takes is the master's business";
    EXPECT_EQ(vassal.pass(600s), nothing);
    EXPECT_EQ(vassal.answer(1, 2, Outcome::applied), Words{"activated 1"});
    EXPECT_EQ(vassal.status().last_reload, "workers replaced");
}

TEST(VassalReconfigure, a_replacement_that_fails_leaves_the_old_workers_and_is_shown) {
    Dialogue vassal = serving();
    (void)vassal.edit(2, Change::recycle);
    (void)vassal.answer(1, 2, Outcome::taken);
    EXPECT_EQ(vassal.answer(1, 2, Outcome::stalled, "import: no module named x"), nothing);
    EXPECT_EQ(vassal.answer(1, 2, Outcome::stalled, "import: no module named x"), nothing);
    EXPECT_EQ(vassal.state(), DisplayState::running);
    EXPECT_EQ(vassal.status().reason, "workers not replaced: import: no module named x");
    EXPECT_EQ(vassal.status().last_reload, "failed: import: no module named x");
    EXPECT_EQ(std::ranges::count(vassal.reports, Report::Kind::recycle_failed), 1) << "told once, not with every attempt";
    EXPECT_EQ(vassal.answer(1, 2, Outcome::applied), Words{"activated 1"});
    EXPECT_EQ(vassal.status().reason, "");
    EXPECT_FALSE(vassal.status().last_reload_failure);
}

TEST(VassalReconfigure, what_a_master_refuses_is_rolled_out) {
    Dialogue vassal = serving();
    (void)vassal.edit(2, Change::live);
    EXPECT_EQ(vassal.answer(1, 2, Outcome::refused, "another version"), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 2"});
    EXPECT_TRUE(has(vassal, Report::Kind::reloading));
}

TEST(VassalReconfigure, a_master_that_does_not_answer_is_rolled_out) {
    Dialogue vassal = serving();
    (void)vassal.edit(2, Change::live);
    EXPECT_EQ(vassal.pass(answer_patience - 1ms), nothing);
    EXPECT_EQ(vassal.pass(1ms), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.answer(1, 2, Outcome::applied), nothing) << "too late";
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 2"});
}

TEST(VassalReconfigure, a_crash_before_the_answer_starts_the_new_configuration_and_falls_back_to_the_old_one) {
    Dialogue vassal = serving();
    (void)vassal.edit(2, Change::recycle);
    EXPECT_EQ(vassal.exit(1), Words{"acquire"});
    EXPECT_TRUE(vassal.timers.empty());
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 2"});
    (void)vassal.tell(InstanceSpawned{2, 100});
    (void)vassal.fail(2, "broken");
    EXPECT_EQ(vassal.exit(2), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 3 bank 0 spec 1"}) << "what was proven comes back";
}

TEST(VassalReconfigure, a_newer_edit_takes_over_what_an_unfinished_one_still_had_to_do) {
    Dialogue vassal = serving();
    (void)vassal.edit(2, Change::recycle);
    (void)vassal.answer(1, 2, Outcome::taken);
    EXPECT_EQ(vassal.edit(3, Change::live), Words{"reconfigure 1 recycle spec 3"});
    EXPECT_EQ(vassal.answer(1, 2, Outcome::applied), nothing) << "of the older one";
    EXPECT_EQ(vassal.answer(1, 3, Outcome::applied), Words{"activated 1"});
}

TEST(VassalReconfigure, a_rollout_overtakes_it) {
    Dialogue vassal = serving();
    (void)vassal.edit(2, Change::recycle);
    EXPECT_EQ(vassal.edit(3, Change::rollout), Words{"acquire for a rollout"});
    EXPECT_EQ(vassal.answer(1, 2, Outcome::applied), Words{"activated 1"}) << "true all the same";
    vassal.serve(2);
    EXPECT_EQ(vassal.status().active, 2u);
    EXPECT_EQ(vassal.status().last_reload, "ok");
}

TEST(VassalReconfigure, what_is_being_changed_in_place_is_no_way_back) {
    Dialogue vassal = serving();
    (void)vassal.edit(2, Change::recycle);
    (void)vassal.answer(1, 2, Outcome::taken);
    (void)vassal.edit_observed(3);
    vassal.serve(2);
    EXPECT_EQ(vassal.status().active, 2u);
    EXPECT_EQ(vassal.status().standby, 0u) << "some of its workers are of the one, some of the other";
    EXPECT_EQ(vassal.answer(1, 2, Outcome::applied), nothing);
}

TEST(VassalReconfigure, an_operator_who_stops_a_rollout_keeps_what_is_being_changed_in_place) {
    Dialogue vassal = serving();
    (void)vassal.edit(2, Change::recycle);
    (void)vassal.edit(3, Change::rollout);
    EXPECT_EQ(vassal.tell(OperatorRequest{Operation::rollback, 7, {"operator root: rollback"}, spec(1)}),
              (Words{"done 7 ok", "release"}));
    EXPECT_EQ(vassal.answer(1, 2, Outcome::applied), Words{"activated 1"});
    EXPECT_EQ(vassal.state(), DisplayState::rolled_back);
    EXPECT_EQ(vassal.exit(1), Words{"acquire"});
    EXPECT_EQ(vassal.tell(StartSlotGranted{}), Words{"spawn 2 bank 1 spec 2"}) << "what ran is what was pinned";
}

TEST(VassalReconfigure, a_file_that_is_valid_again_does_not_ask_twice) {
    Dialogue vassal = serving();
    const SpecPtr newer = spec(2);
    EXPECT_EQ(vassal.tell(ConfigChanged{newer, {"edited"}, Change::live}), Words{"reconfigure 1 live spec 2"});
    (void)vassal.tell(ConfigInvalid{"bad"});
    EXPECT_EQ(vassal.tell(ConfigChanged{newer, {"valid again"}}), nothing);
}

TEST(VassalReconfigure, disabling_a_vassal_stops_it_and_enabling_it_starts_it) {
    Dialogue vassal = serving();
    EXPECT_EQ(vassal.tell(ConfigChanged{spec(2, false), {"edited"}, Change::live}), Words{"stop 1 graceful"});
    EXPECT_EQ(vassal.exit(1, 0), nothing);
    EXPECT_EQ(vassal.edit(3, Change::live), Words{"acquire"});
}

TEST(VassalReconfigure, later_deadlines_are_those_of_the_new_configuration) {
    Dialogue vassal = serving();
    auto shorter = std::make_shared<Spec>(*spec(2));
    shorter->drain_timeout = 1s;
    shorter->kill_timeout = 2s;
    (void)vassal.tell(ConfigChanged{shorter, {"edited"}, Change::live});
    (void)vassal.answer(1, 2, Outcome::applied);
    EXPECT_EQ(vassal.ask(Operation::stop, 1, "stop"), Words{"stop 1 graceful"});
    EXPECT_EQ(vassal.pass(3s), Words{"kill 1"});
}

// Where it must not be done in place.
struct Elsewhere {
    const char* why;
    void (*prepare)(Dialogue&);
    Words expected;
};

class VassalReconfigureNot : public ::testing::TestWithParam<Elsewhere> {};

TEST_P(VassalReconfigureNot, in_place) {
    Dialogue vassal = serving();
    GetParam().prepare(vassal);
    EXPECT_EQ(vassal.edit(9, Change::live), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, VassalReconfigureNot,
    ::testing::Values(
        Elsewhere{"a_rollout_is_on_its_way", [](Dialogue& vassal) {
                      (void)vassal.edit(2);
                      (void)vassal.tell(StartSlotGranted{});
                      (void)vassal.tell(InstanceSpawned{2, 100});
                  }, {"stop 2 fast", "release"}},
        Elsewhere{"a_rollout_waits_for_its_slot", [](Dialogue& vassal) { (void)vassal.edit(2); }, {}},
        Elsewhere{"the_last_edit_was_rejected", [](Dialogue& vassal) {
                      (void)vassal.edit(2);
                      (void)vassal.tell(StartSlotGranted{});
                      (void)vassal.tell(InstanceSpawned{2, 100});
                      (void)vassal.fail(2, "broken");
                      (void)vassal.exit(2);
                  }, {"acquire for a rollout"}},
        Elsewhere{"its_workers_are_down", [](Dialogue& vassal) {
                      (void)vassal.tell(InstanceServing{1, false, "crashed"});
                  }, {"acquire for a rollout"}},
        Elsewhere{"it_is_what_was_rolled_back_to", [](Dialogue& vassal) {
                      (void)vassal.edit_observed(2);
                      vassal.serve(2);
                      (void)vassal.exit(2);
                  }, {"acquire for a rollout"}},
        Elsewhere{"nothing_runs", [](Dialogue& vassal) {
                      (void)vassal.exit(1);
                  }, {}},
        Elsewhere{"an_operator_stopped_it", [](Dialogue& vassal) { (void)vassal.ask(Operation::stop, 1, "stop"); }, {}},
        Elsewhere{"the_emperor_shuts_down", [](Dialogue& vassal) { (void)vassal.tell(ShutdownBegan{StopMode::graceful}); },
                  {}}),
    [](const auto& one) { return std::string(one.param.why); });

}  // namespace
}  // namespace emperor::supervise
