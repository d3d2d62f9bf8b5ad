// SPDX-License-Identifier: Apache-2.0
// Replacement first: recycling, rolling, request timeouts, and how many workers there are.
#include "tests/unit/vassal/master/pool_fixture.h"

namespace vassal::master {
namespace {

// ---- planned replacements

TEST_F(Pool, a_recycled_worker_serves_until_its_replacement_does) {
    serve(2);
    EXPECT_THAT(feed(RecycleDue{{1, 0}, "recycled: 1000 requests"}), ElementsAre(Fork{{1, 1}}));
    EXPECT_EQ(state(1, 0), ProcessState::serving);
    EXPECT_THAT(feed(WorkerForked{{1, 1}, 88}), ElementsAre(ReportStarted{{1, 1}, 88}));
    EXPECT_THAT(feed(WorkerReady{{1, 1}}), ElementsAre(SendPromote{{1, 1}}, SendDrain{{1, 0}, 90s}));
    EXPECT_THAT(feed(WorkerExited{{1, 0}, exit_0}),
                ElementsAre(ReportExited{{1, 0}, exit_0, "recycled: 1000 requests", true, false, 0s}));
    EXPECT_EQ(pool->deadline(), TimePoint::max());
    EXPECT_THAT(feed(RecycleDue{{1, 1}, "recycled: 1000 requests"}), ElementsAre(Fork{{1, 0}})) << "back in the first lane";
}

TEST_F(Pool, a_worker_is_recycled_once_however_often_it_is_due) {
    serve(1);
    static_cast<void>(feed(RecycleDue{{1, 0}, "recycled"}));
    EXPECT_THAT(feed(RecycleDue{{1, 0}, "recycled"}), IsEmpty());
    static_cast<void>(feed(WorkerReady{{1, 1}}));
    EXPECT_THAT(feed(RecycleDue{{1, 0}, "recycled"}), IsEmpty()) << "it drains";
    EXPECT_THAT(feed(WorkerExited{{1, 0}, exit_0}), ElementsAre(testing::VariantWith<ReportExited>(testing::_)));
}

TEST_F(Pool, never_two_at_once) {
    serve(3);
    static_cast<void>(feed(RecycleDue{{2, 0}, "a"}));
    EXPECT_THAT(feed(RecycleDue{{3, 0}, "b"}), IsEmpty());
    EXPECT_THAT(feed(RecycleDue{{1, 0}, "c"}), IsEmpty());
    EXPECT_THAT(feed(WorkerReady{{2, 1}}), Not(Contains(testing::VariantWith<Fork>(testing::_))))
        << "the old process of 2 is there still";
    EXPECT_THAT(feed(WorkerExited{{2, 0}, exit_0}), Contains(PoolCommand(Fork{{3, 1}}))) << "first come, first served";
    static_cast<void>(feed(WorkerReady{{3, 1}}));
    EXPECT_THAT(feed(WorkerExited{{3, 0}, exit_0}), Contains(PoolCommand(Fork{{1, 1}})));
}

TEST_F(Pool, a_failed_replacement_leaves_the_old_one_and_is_tried_again_after_a_backoff) {
    serve(1);
    static_cast<void>(feed(RecycleDue{{1, 0}, "recycled: 5 requests"}));
    Duration expected = 100ms;
    for (int i = 0; i < 6; ++i) {
        static_cast<void>(feed(WorkerFailed{{1, 1}, {"import", "NameError: x", ""}}));
        const auto commands = feed(WorkerExited{{1, 1}, exit_1});
        const auto exited = exit_in(commands).value();
        EXPECT_EQ(exited.reason, "import: NameError: x");
        EXPECT_FALSE(exited.is_expected);
        EXPECT_GE(exited.retry, expected * 8 / 10);
        EXPECT_LE(exited.retry, expected * 12 / 10);
        EXPECT_EQ(commands.size(), 1u) << "the old one is left alone";
        EXPECT_EQ(state(1, 0), ProcessState::serving);
        EXPECT_EQ(pool->deadline(), now + exited.retry);
        EXPECT_THAT(feed(RecycleDue{{1, 0}, "recycled: 6 requests"}), IsEmpty()) << "its turn is noted";
        EXPECT_THAT(wait(exited.retry), ElementsAre(Fork{{1, 1}}));
        expected = std::min<Duration>(expected * 2, 1s);
    }
    EXPECT_THAT(feed(WorkerReady{{1, 1}}), ElementsAre(SendPromote{{1, 1}}, SendDrain{{1, 0}, 90s}));
    EXPECT_EQ(reason_of(feed(WorkerExited{{1, 0}, exit_0})), "recycled: 5 requests");
    EXPECT_EQ(retry_of(feed(WorkerExited{{1, 1}, exit_3})), 0s) << "none of this counted as a crash";
}

TEST_F(Pool, when_the_old_one_crashes_meanwhile_the_replacement_takes_over) {
    serve(1);
    static_cast<void>(feed(RecycleDue{{1, 0}, "recycled"}));
    const auto commands = feed(WorkerExited{{1, 0}, segfault});
    EXPECT_THAT(commands, Not(Contains(testing::VariantWith<Fork>(testing::_))));
    EXPECT_FALSE(exit_in(commands)->is_expected);
    EXPECT_THAT(feed(WorkerReady{{1, 1}}), ElementsAre(SendPromote{{1, 1}}));
    EXPECT_THAT(feed(RecycleDue{{1, 1}, "recycled"}), ElementsAre(Fork{{1, 0}})) << "the next one is not held up";
}

TEST_F(Pool, a_crash_satisfies_a_plan_that_waits) {
    serve(2);
    static_cast<void>(feed(RecycleDue{{1, 0}, "recycled"}));
    static_cast<void>(feed(RecycleDue{{2, 0}, "recycled"}));
    static_cast<void>(feed(WorkerExited{{2, 0}, segfault}));
    static_cast<void>(feed(WorkerReady{{2, 0}}));
    static_cast<void>(feed(WorkerReady{{1, 1}}));
    EXPECT_THAT(feed(WorkerExited{{1, 0}, exit_0}), Not(Contains(testing::VariantWith<Fork>(testing::_))));
}

TEST_F(Pool, a_recycled_worker_that_will_not_go_is_stopped_and_killed_in_the_end) {
    serve(1);
    static_cast<void>(feed(RecycleDue{{1, 0}, "recycled"}));
    static_cast<void>(feed(WorkerReady{{1, 1}}));
    EXPECT_THAT(wait(90s), ElementsAre(SendStop{{1, 0}}));
    EXPECT_THAT(wait(5s), ElementsAre(Kill{{1, 0}}));
    EXPECT_TRUE(exit_in(feed(WorkerExited{{1, 0}, killed}))->is_expected);
}

TEST_F(Pool, a_recycled_worker_that_crashes_over_its_last_request_is_no_expected_end) {
    serve(1);
    static_cast<void>(feed(RecycleDue{{1, 0}, "recycled"}));
    static_cast<void>(feed(WorkerReady{{1, 1}}));
    const auto exited = exit_in(feed(WorkerExited{{1, 0}, segfault})).value();
    EXPECT_FALSE(exited.is_expected);
    EXPECT_EQ(exited.reason, "killed by signal 11 (SIGSEGV, segmentation fault) (recycled)");
}

TEST_F(Pool, each_process_draws_its_own_bounds_up_to_the_jitter_lower) {
    PoolOptions options = options_for(8);
    options.recycle = {.max_requests = 1000, .max_age = 1000s, .jitter = 20};
    serve(options);
    std::set<std::uint64_t> bounds;
    for (const Place place : pool->places()) bounds.insert(pool->request_bound(place));
    EXPECT_GT(bounds.size(), 4u);
    EXPECT_GE(*bounds.begin(), 800u);
    EXPECT_LE(*bounds.rbegin(), 1000u);
    EXPECT_GE(pool->deadline(), now + 800s);
    EXPECT_LE(pool->deadline(), now + 1000s);
}

TEST_F(Pool, age_replaces_a_worker_by_one_timer) {
    PoolOptions options = options_for(1);
    options.recycle = {.max_requests = 0, .max_age = 3600s, .jitter = 0};
    serve(options);
    EXPECT_EQ(pool->deadline(), now + 3600s);
    EXPECT_THAT(wait(3600s), ElementsAre(Fork{{1, 1}}));
    static_cast<void>(feed(WorkerReady{{1, 1}}));
    EXPECT_EQ(reason_of(feed(WorkerExited{{1, 0}, exit_0})), "recycled: 3600 s old");
    EXPECT_EQ(pool->deadline(), now + 3600s);
}

TEST_F(Pool, a_roll_replaces_every_worker_one_after_the_other) {
    serve(3);
    EXPECT_THAT(feed(RollRequested{"reload: new code"}), ElementsAre(Fork{{1, 1}}));
    for (int slot = 1; slot <= 3; ++slot) {
        auto commands = feed(WorkerReady{{slot, 1}});
        if (slot == 3) {
            EXPECT_EQ(commands.back(), PoolCommand(ReportRolled{})) << "only new ones serve";
            commands.pop_back();
        }
        EXPECT_THAT(commands, ElementsAre(SendPromote{{slot, 1}}, SendDrain{{slot, 0}, 90s}));
        commands = feed(WorkerExited{{slot, 0}, exit_0});
        EXPECT_EQ(reason_of(commands), "reload: new code");
        if (slot < 3) {
            EXPECT_THAT(commands, Contains(PoolCommand(Fork{{slot + 1, 1}})));
        }
    }
    EXPECT_EQ(pool->deadline(), TimePoint::max());
}

TEST_F(Pool, a_roll_replaces_also_one_that_is_just_starting) {
    serve(1);
    static_cast<void>(feed(WorkerExited{{1, 0}, exit_3}));
    EXPECT_THAT(feed(RollRequested{"reload"}), IsEmpty());
    EXPECT_THAT(feed(WorkerReady{{1, 0}}), ElementsAre(SendPromote{{1, 0}}, Fork{{1, 1}}));
}

TEST_F(Pool, a_roll_ends_the_pause_after_crashes_and_their_count) {
    serve(1);
    EXPECT_THAT(feed(WorkerExited{{1, 0}, exit_1}), Contains(PoolCommand(Fork{{1, 0}}))) << "at once the first time";
    static_cast<void>(feed(WorkerReady{{1, 0}}));
    EXPECT_GT(exit_in(feed(WorkerExited{{1, 0}, exit_1})).value().retry, Duration::zero());
    EXPECT_THAT(feed(RollRequested{"reload: new code"}), ElementsAre(Fork{{1, 0}}, ReportRolled{}));
    static_cast<void>(feed(WorkerReady{{1, 0}}));
    EXPECT_THAT(feed(WorkerExited{{1, 0}, exit_1}), Contains(PoolCommand(Fork{{1, 0}}))) << "a first time again";
}

TEST_F(Pool, a_roll_that_is_not_to_be_retried_ends_with_its_first_failure) {
    serve(3);
    EXPECT_THAT(feed(RollRequested{"main.py changed", false}), ElementsAre(Fork{{1, 1}}));
    static_cast<void>(feed(WorkerFailed{{1, 1}, {"import", "SyntaxError: invalid syntax", ""}}));
    const auto commands = feed(WorkerExited{{1, 1}, exit_1});
    EXPECT_EQ(retry_of(commands), never);
    EXPECT_EQ(reason_of(commands), "import: SyntaxError: invalid syntax");
    EXPECT_EQ(pool->deadline(), TimePoint::max()) << "the old workers serve, and nothing is planned";
    EXPECT_THAT(feed(RollRequested{"main.py changed", false}), ElementsAre(Fork{{1, 1}})) << "until the next change";
}

TEST_F(Pool, a_roll_starts_what_waits_for_its_next_attempt) {
    serve(1);
    static_cast<void>(feed(WorkerExited{{1, 0}, exit_3}));
    static_cast<void>(feed(WorkerExited{{1, 0}, exit_3}));
    ASSERT_TRUE(pool->is_in_backoff(1));
    EXPECT_THAT(feed(RollRequested{"main.py changed", false}), ElementsAre(Fork{{1, 0}}, ReportRolled{}));
}

TEST_F(Pool, a_stop_forgets_all_plans) {
    serve(2);
    static_cast<void>(feed(RollRequested{"reload"}));
    EXPECT_THAT(feed(StopRequested{true}),
                ElementsAre(SendDrain{{1, 0}, 30s}, Kill{{1, 1}}, SendDrain{{2, 0}, 30s}));
    static_cast<void>(feed(WorkerExited{{1, 1}, killed}));
    static_cast<void>(feed(WorkerExited{{1, 0}, exit_0}));
    EXPECT_THAT(feed(WorkerExited{{2, 0}, exit_0}), Contains(PoolCommand(Finished{0})));
}

// ---- request timeouts

TEST_F(Pool, a_timed_out_request_is_interrupted_while_its_replacement_starts_in_the_other_lane) {
    PoolOptions options = options_for(1);
    options.threads = 2;
    serve(options);
    const RequestTimedOut event{{1, 0}, 1, 41, "request timeout: GET /slow after 60 s"};
    EXPECT_THAT(feed(event), ElementsAre(Interrupt{{1, 0}, 1, 41}, SendDrain{{1, 0}, 30s}, Fork{{1, 1}}));
    EXPECT_THAT(pool->judged({1, 0}), ElementsAre(0u, 41u));
    EXPECT_THAT(feed(event), IsEmpty());
    EXPECT_THAT(feed(WorkerReady{{1, 1}}), ElementsAre(SendPromote{{1, 1}}));
    const auto exited = exit_in(feed(WorkerExited{{1, 0}, exit_0})).value();
    EXPECT_EQ(exited.reason, "request timeout: GET /slow after 60 s");
    EXPECT_TRUE(exited.is_timeout);
    EXPECT_EQ(retry_of(feed(WorkerExited{{1, 1}, exit_3})), 0s) << "the first crash";
}

TEST_F(Pool, the_neighbours_of_a_stuck_request_have_the_time_of_a_drain_and_are_answered_at_its_end) {
    PoolOptions options = options_for(1);
    options.threads = 2;
    serve(options);
    static_cast<void>(feed(RequestTimedOut{{1, 0}, 0, 1, "timeout"}));
    const auto before = wait(29s);
    EXPECT_THAT(before, Not(Contains(PoolCommand(InterruptAll{{1, 0}}))));
    EXPECT_THAT(before, Not(Contains(PoolCommand(Kill{{1, 0}}))));
    EXPECT_THAT(wait(1s), ElementsAre(InterruptAll{{1, 0}}));
    EXPECT_THAT(wait(abort_grace), Contains(PoolCommand(Kill{{1, 0}})));
}

TEST_F(Pool, when_all_threads_are_stuck_only_a_moment_is_left) {
    PoolOptions options = options_for(1);
    options.threads = 2;
    serve(options);
    static_cast<void>(feed(RequestTimedOut{{1, 0}, 0, 1, "timeout"}));
    now += 5s;
    EXPECT_THAT(feed(RequestTimedOut{{1, 0}, 1, 7, "timeout"}), ElementsAre(Interrupt{{1, 0}, 1, 7}));
    EXPECT_THAT(wait(abort_grace), Contains(PoolCommand(Kill{{1, 0}})));
    EXPECT_THAT(wait(1s), Contains(PoolCommand(Kill{{1, 0}})));
}

TEST_F(Pool, a_single_thread_that_is_stuck_in_spite_of_the_signal_is_killed) {
    serve(1);
    static_cast<void>(feed(RequestTimedOut{{1, 0}, 0, 1, "timeout"}));
    EXPECT_THAT(wait(abort_grace), Contains(PoolCommand(Kill{{1, 0}})));
    const auto exited = exit_in(feed(WorkerExited{{1, 0}, killed})).value();
    EXPECT_EQ(exited.reason, "timeout");
    EXPECT_TRUE(exited.is_timeout);
}

TEST_F(Pool, a_timeout_in_a_draining_worker_needs_no_further_replacement) {
    serve(1);
    static_cast<void>(feed(RecycleDue{{1, 0}, "recycled"}));
    static_cast<void>(feed(WorkerReady{{1, 1}}));
    EXPECT_THAT(feed(RequestTimedOut{{1, 0}, 0, 1, "timeout"}), ElementsAre(Interrupt{{1, 0}, 0, 1}));
    EXPECT_TRUE(exit_in(feed(WorkerExited{{1, 0}, exit_0}))->is_timeout);
}

TEST_F(Pool, a_thread_that_came_back_from_a_timed_out_request_is_judged_again) {
    PoolOptions options = options_for(1);
    options.threads = 2;
    serve(options);
    static_cast<void>(feed(RequestTimedOut{{1, 0}, 0, 1, "timeout"}));
    EXPECT_THAT(feed(RequestReturned{{1, 0}, 0}), IsEmpty());
    EXPECT_THAT(pool->judged({1, 0}), ElementsAre(0u));
    EXPECT_THAT(feed(RequestTimedOut{{1, 0}, 1, 5, "timeout"}), ElementsAre(Interrupt{{1, 0}, 1, 5}));
    EXPECT_THAT(wait(abort_grace), Not(Contains(PoolCommand(Kill{{1, 0}})))) << "its first thread can finish others";
    EXPECT_THAT(feed(RequestTimedOut{{1, 0}, 0, 2, "timeout"}), ElementsAre(Interrupt{{1, 0}, 0, 2}));
    EXPECT_THAT(wait(abort_grace), Contains(PoolCommand(Kill{{1, 0}}))) << "now both are stuck";
}

TEST_F(Pool, when_both_lanes_drain_the_older_one_makes_room) {
    PoolOptions options = options_for(1);
    options.threads = 2;
    serve(options);
    static_cast<void>(feed(RequestTimedOut{{1, 0}, 0, 1, "timeout"}));
    now += 1s;
    static_cast<void>(feed(WorkerReady{{1, 1}}));
    EXPECT_THAT(feed(RequestTimedOut{{1, 1}, 0, 1, "timeout"}),
                ElementsAre(Interrupt{{1, 1}, 0, 1}, SendDrain{{1, 1}, 30s}, InterruptAll{{1, 0}}));
    EXPECT_THAT(wait(500ms), IsEmpty()) << "one at a time";
    EXPECT_THAT(wait(500ms), Contains(PoolCommand(Kill{{1, 0}})));
    EXPECT_THAT(feed(WorkerExited{{1, 0}, killed}), Contains(PoolCommand(Fork{{1, 0}})));
}

TEST_F(Pool, one_that_was_replaced_makes_room_after_one_that_timed_out) {
    PoolOptions options = options_for(1);
    options.threads = 2;
    serve(options);
    static_cast<void>(feed(RecycleDue{{1, 0}, "recycled"}));
    static_cast<void>(feed(WorkerReady{{1, 1}}));
    EXPECT_THAT(feed(RequestTimedOut{{1, 1}, 0, 1, "timeout"}), Contains(PoolCommand(InterruptAll{{1, 1}})));
    EXPECT_THAT(wait(abort_grace), ElementsAre(Kill{{1, 1}}));
    EXPECT_THAT(feed(WorkerExited{{1, 1}, killed}), Contains(PoolCommand(Fork{{1, 1}})));
}

// ---- as many as wanted

PoolOptions range(int least, int most) {
    PoolOptions options = options_for(most);
    options.workers_min = least;
    return options;
}

TEST_F(Pool, a_range_starts_with_the_fewest) {
    pool.emplace(range(2, 4));
    EXPECT_THAT(feed(Begin{}), ElementsAre(Fork{{1, 0}}, Fork{{2, 0}}));
    static_cast<void>(feed(WorkerReady{{1, 0}}));
    EXPECT_THAT(feed(WorkerReady{{2, 0}}), ElementsAre(ReportReady{}));
}

TEST_F(Pool, more_are_started_and_the_highest_go_first) {
    serve(range(1, 4));
    EXPECT_THAT(feed(WorkersWanted{3}), ElementsAre(Fork{{2, 0}}, Fork{{3, 0}}));
    EXPECT_THAT(feed(WorkerReady{{2, 0}}), ElementsAre(SendPromote{{2, 0}}));
    EXPECT_THAT(feed(WorkersWanted{1}), ElementsAre(Kill{{3, 0}}, SendDrain{{2, 0}, 90s}));
    EXPECT_THAT(feed(WorkerExited{{3, 0}, killed}),
                ElementsAre(ReportExited{{3, 0}, killed, "not needed any more", true, false, 0s}));
    EXPECT_THAT(feed(WorkerExited{{2, 0}, exit_0}),
                ElementsAre(ReportExited{{2, 0}, exit_0, "not needed any more", true, false, 0s}));
    EXPECT_EQ(pool->deadline(), TimePoint::max());
}

TEST_F(Pool, a_higher_worker_stays_while_a_lower_one_is_down) {
    serve(range(1, 2));
    static_cast<void>(feed(WorkersWanted{2}));
    static_cast<void>(feed(WorkerReady{{2, 0}}));
    static_cast<void>(feed(WorkerExited{{1, 0}, segfault}));
    EXPECT_THAT(feed(WorkersWanted{1}), IsEmpty());
    EXPECT_THAT(feed(WorkerReady{{1, 0}}), ElementsAre(SendPromote{{1, 0}}, SendDrain{{2, 0}, 90s}));
}

TEST_F(Pool, one_that_drains_does_not_hinder_one_that_is_wanted_again) {
    serve(range(1, 2));
    static_cast<void>(feed(WorkersWanted{2}));
    static_cast<void>(feed(WorkerReady{{2, 0}}));
    static_cast<void>(feed(WorkersWanted{1}));
    EXPECT_THAT(feed(WorkersWanted{2}), ElementsAre(Fork{{2, 1}}));
}

TEST_F(Pool, a_newcomer_that_cannot_start_backs_off_and_the_others_serve_on) {
    serve(range(1, 2));
    static_cast<void>(feed(WorkersWanted{2}));
    EXPECT_THAT(feed(WorkerExited{{2, 0}, exit_1}), Contains(PoolCommand(Fork{{2, 0}})));
    const auto commands = feed(WorkerExited{{2, 0}, exit_1});
    EXPECT_GT(retry_of(commands), 0s);
    EXPECT_EQ(commands.size(), 1u);
    EXPECT_THAT(feed(WorkersWanted{1}), IsEmpty());
    EXPECT_EQ(pool->deadline(), TimePoint::max()) << "nobody waits for it any more";
}

TEST_F(Pool, the_range_is_kept) {
    serve(range(2, 3));
    EXPECT_THAT(feed(WorkersWanted{0}), IsEmpty());
    EXPECT_THAT(feed(WorkersWanted{99}), ElementsAre(Fork{{3, 0}}));
    EXPECT_EQ(pool->wanted(), 3);
}

}  // namespace
}  // namespace vassal::master
