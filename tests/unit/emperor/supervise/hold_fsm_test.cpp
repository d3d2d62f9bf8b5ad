// SPDX-License-Identifier: Apache-2.0
#include "emperor/supervise/hold_fsm.h"

#include <gtest/gtest.h>

namespace emperor::supervise {
namespace {

using namespace std::chrono_literals;

const HoldView serving{.is_wanted = true, .is_serving = true, .has_master = true, .hold = 10s};
const HoldView starting{.is_wanted = true, .hold = 10s};
const HoldView failing{.is_wanted = true, .is_failing = true, .hold = 10s};
const HoldView promoting{.is_wanted = true, .is_promoting = true, .hold = 10s};
const HoldView unwanted{.hold = 10s};

const TimePoint start{1000s};
const HoldCommands nothing{};
const HoldCommands answers{StartHold{}, ArmHold{std::nullopt}};

// Served, crashed at `start`, could not be started again; clients are answered from `start` + 10 s on.
HoldFsm answering() {
    HoldFsm hold;
    (void)hold.look(serving, start);
    (void)hold.look(failing, start);
    (void)hold.timer_fired(start + 10s);
    return hold;
}

TEST(HoldFsm, clients_wait_for_the_time_of_hold_and_are_answered_then) {
    HoldFsm hold;
    EXPECT_EQ(hold.look(serving, start), nothing);
    EXPECT_EQ(hold.look(starting, start + 1s), nothing);  // the crash
    EXPECT_EQ(hold.look(failing, start + 3s), HoldCommands{ArmHold{start + 11s}});
    EXPECT_FALSE(hold.is_answering());
    EXPECT_EQ(hold.timer_fired(start + 11s), HoldCommands{StartHold{}});
    EXPECT_TRUE(hold.is_answering());
}

TEST(HoldFsm, the_time_of_one_that_never_served_counts_from_its_first_failed_attempt) {
    HoldFsm hold;
    EXPECT_EQ(hold.look(starting, start), nothing);
    EXPECT_EQ(hold.look(starting, start + 50s), nothing);
    EXPECT_EQ(hold.look(failing, start + 60s), HoldCommands{ArmHold{start + 70s}});
    EXPECT_EQ(hold.look(starting, start + 61s), nothing);  // the second attempt, which hangs
    EXPECT_EQ(hold.timer_fired(start + 70s), HoldCommands{StartHold{}});
}

TEST(HoldFsm, the_time_under_a_former_emperor_counts_once_an_attempt_failed_under_this_one) {
    HoldFsm hold;
    hold.resume(start - 8s);
    EXPECT_EQ(hold.look(unwanted, start), nothing);  // before its file was read
    EXPECT_EQ(hold.look(starting, start), nothing);
    EXPECT_EQ(hold.failing_since(), start - 8s) << "for the next emperor, should this one die now";
    EXPECT_EQ(hold.look(failing, start + 1s), HoldCommands{ArmHold{start + 2s}});
    EXPECT_EQ(hold.failing_since(), start - 8s);
    HoldFsm late;
    late.resume(start - 60s);
    EXPECT_EQ(late.look(failing, start + 1s), HoldCommands{StartHold{}});
}

TEST(HoldFsm, the_time_under_a_former_emperor_is_over_when_it_served) {
    HoldFsm hold;
    hold.resume(start - 60s);
    (void)hold.look(serving, start);
    EXPECT_EQ(hold.look(failing, start + 5s), HoldCommands{ArmHold{start + 15s}});
    EXPECT_EQ(hold.failing_since(), start + 5s);
    (void)hold.look(unwanted, start + 6s);
    EXPECT_EQ(hold.failing_since(), std::nullopt);
}

TEST(HoldFsm, a_start_that_takes_long_sends_nobody_away) {
    HoldFsm hold;
    (void)hold.look(serving, start);
    EXPECT_EQ(hold.look(starting, start), nothing);
    EXPECT_EQ(hold.look(starting, start + 50s), nothing);
    EXPECT_EQ(hold.look(failing, start + 51s), HoldCommands{StartHold{}});  // it failed after all
}

TEST(HoldFsm, further_attempts_change_nothing_until_one_is_about_to_serve) {
    HoldFsm hold = answering();
    EXPECT_EQ(hold.look(starting, start + 11s), nothing);
    EXPECT_EQ(hold.look(failing, start + 12s), nothing);
    EXPECT_EQ(hold.look(promoting, start + 13s), (HoldCommands{EndHold{}, ArmHold{start + 21s}}));
    EXPECT_FALSE(hold.is_answering());
    EXPECT_EQ(hold.look(serving, start + 14s), nothing);
    EXPECT_EQ(hold.exited(start + 14s), HoldCommands{ArmHold{std::nullopt}});
}

TEST(HoldFsm, a_promotion_that_fails_answers_again_as_soon_as_the_old_process_is_gone) {
    HoldFsm hold = answering();
    (void)hold.look(promoting, start + 13s);
    EXPECT_EQ(hold.look(failing, start + 14s), nothing);
    EXPECT_EQ(hold.exited(start + 15s), answers);
}

TEST(HoldFsm, one_that_serves_again_has_its_full_time_again) {
    HoldFsm hold = answering();
    (void)hold.look(promoting, start + 13s);
    (void)hold.look(serving, start + 14s);
    (void)hold.exited(start + 14s);
    EXPECT_EQ(hold.look(failing, start + 20s), HoldCommands{ArmHold{start + 30s}});
}

TEST(HoldFsm, a_master_without_workers_answers_by_itself_and_its_time_counts) {
    HoldFsm hold;
    HoldView degraded = serving;
    degraded.is_serving = false;
    (void)hold.look(serving, start);
    EXPECT_EQ(hold.look(degraded, start), nothing);
    EXPECT_EQ(hold.look(degraded, start + 60s), nothing);
    EXPECT_EQ(hold.look(failing, start + 61s), HoldCommands{StartHold{}});
}

TEST(HoldFsm, a_stop_ends_it_soon) {
    HoldFsm hold = answering();
    EXPECT_EQ(hold.look(unwanted, start + 20s), (HoldCommands{EndHold{}, ArmHold{start + 21s}}));
    EXPECT_EQ(hold.timer_fired(start + 21s), (HoldCommands{KillHold{}, ArmHold{start + 22s}}));
    EXPECT_EQ(hold.exited(start + 21s), HoldCommands{ArmHold{std::nullopt}});
    EXPECT_EQ(hold.look(failing, start + 30s), HoldCommands{ArmHold{start + 40s}});
}

TEST(HoldFsm, a_stop_hurries_one_that_ends_already) {
    HoldFsm hold = answering();
    (void)hold.look(promoting, start + 13s);
    EXPECT_EQ(hold.look(unwanted, start + 14s), HoldCommands{ArmHold{start + 15s}});
}

TEST(HoldFsm, a_process_that_cannot_be_kept_is_started_again_after_a_pause) {
    HoldFsm hold = answering();
    EXPECT_EQ(hold.exited(start + 11s), HoldCommands{ArmHold{start + 16s}});
    EXPECT_EQ(hold.timer_fired(start + 16s), HoldCommands{StartHold{}});
}

TEST(HoldFsm, off_means_that_clients_wait_for_ever_also_when_it_is_edited) {
    HoldView off = failing;
    off.hold = Duration{};
    HoldFsm hold;
    EXPECT_EQ(hold.look(off, start), nothing);
    EXPECT_EQ(hold.look(off, start + 3600s), nothing);
    HoldFsm edited = answering();
    EXPECT_EQ(edited.look(off, start + 20s), (HoldCommands{EndHold{}, ArmHold{start + 28s}}));
}

TEST(HoldFsm, a_shorter_time_counts_at_once) {
    HoldFsm hold;
    (void)hold.look(failing, start);
    HoldView shorter = failing;
    shorter.hold = 2s;
    EXPECT_EQ(hold.look(shorter, start + 3s), answers);
}

}  // namespace
}  // namespace emperor::supervise
