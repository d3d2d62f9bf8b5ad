// SPDX-License-Identifier: Apache-2.0
// Start, crash, stop. Planned replacements and timeouts have files of their own.
#include "tests/unit/vassal/master/pool_fixture.h"

namespace vassal::master {
namespace {

TEST_F(Pool, starts_all_workers_under_one_deadline) {
    pool.emplace(options_for(2));
    EXPECT_THAT(feed(Begin{now + 60s}), ElementsAre(Fork{{1, 0}}, Fork{{2, 0}}));
    EXPECT_EQ(pool->deadline(), now + 60s);
    EXPECT_EQ(pool->state(), PoolState::starting);
}

TEST_F(Pool, is_ready_when_the_last_worker_is) {
    start(2);
    EXPECT_THAT(feed(WorkerReady{{2, 0}}), IsEmpty());
    EXPECT_THAT(feed(WorkerReady{{1, 0}}), ElementsAre(ReportReady{}));
    EXPECT_EQ(pool->state(), PoolState::ready);
    EXPECT_EQ(pool->deadline(), TimePoint::max());
}

TEST_F(Pool, promotes_every_worker_and_says_so_last) {
    start(2);
    static_cast<void>(feed(WorkerReady{{1, 0}}));
    EXPECT_THAT(feed(PromoteRequested{}), IsEmpty()) << "not ready yet";
    static_cast<void>(feed(WorkerReady{{2, 0}}));
    EXPECT_THAT(feed(PromoteRequested{}), ElementsAre(SendPromote{{1, 0}}, SendPromote{{2, 0}}, ReportPromoted{}));
    EXPECT_EQ(state(1, 0), ProcessState::serving);
    EXPECT_EQ(pool->deadline(), TimePoint::max()) << "nothing to wait for while all is well";
}

TEST_F(Pool, one_failed_import_fails_the_start_with_its_words) {
    start(2);
    const StartFailure failure{"import", "NameError: x", "Traceback"};
    EXPECT_THAT(feed(WorkerFailed{{1, 0}, failure}), ElementsAre(ReportFailed{failure}, Kill{{1, 0}}, Kill{{2, 0}}));
    static_cast<void>(feed(WorkerFailed{{2, 0}, {"import", "the same", ""}}));
    static_cast<void>(feed(WorkerExited{{1, 0}, killed}));
    EXPECT_THAT(feed(WorkerExited{{2, 0}, killed}), Contains(PoolCommand(Finished{1})));
}

TEST_F(Pool, a_worker_that_ends_without_a_word_fails_the_start_with_its_status) {
    start(1);
    EXPECT_THAT(feed(WorkerExited{{1, 0}, exit_3}),
                ElementsAre(ReportFailed{{"exit", "worker 1 ended: exit code 3", ""}}, Finished{1}));
}

TEST_F(Pool, a_worker_lost_while_waiting_for_promotion_fails_the_start) {
    start(1);
    static_cast<void>(feed(WorkerReady{{1, 0}}));
    EXPECT_THAT(feed(WorkerExited{{1, 0}, killed}), Contains(PoolCommand(Finished{1})));
}

TEST_F(Pool, a_start_that_takes_too_long_fails) {
    start(1);
    const auto commands = wait(60s);
    EXPECT_THAT(commands, Contains(PoolCommand(Kill{{1, 0}})));
    EXPECT_EQ(std::get<ReportFailed>(commands.front()).failure.step, "timeout");
}

TEST_F(Pool, a_start_that_takes_too_long_tells_what_the_health_check_said) {
    start(2);
    EXPECT_THAT(feed(WorkerReady{{1, 0}}), IsEmpty());
    EXPECT_THAT(feed(WorkerProbing{{2, 0}, ""}), IsEmpty());
    EXPECT_EQ(pool->deadline(), now + 60s) << "the check has no time of its own";
    EXPECT_THAT(feed(WorkerProbing{{2, 0}, "GET /healthz answered 503, wanted 200"}), IsEmpty());
    const StartFailure failure = std::get<ReportFailed>(wait(60s).front()).failure;
    EXPECT_EQ(failure.step, "health");
    EXPECT_EQ(failure.reason, "the health check did not pass within timeouts.start: GET /healthz answered 503, wanted 200");
}

TEST_F(Pool, a_replacement_that_is_not_healthy_in_time_says_why) {
    serve(1);
    static_cast<void>(feed(WorkerExited{{1, 0}, killed}));
    static_cast<void>(feed(WorkerProbing{{1, 0}, "GET /healthz answered 503, wanted 200"}));
    EXPECT_THAT(wait(60s), Contains(PoolCommand(Kill{{1, 0}})));
    const auto commands = feed(WorkerExited{{1, 0}, killed});
    EXPECT_EQ(std::get<ReportExited>(commands.front()).reason,
              "not healthy within timeouts.start: GET /healthz answered 503, wanted 200");
}

TEST_F(Pool, a_crash_is_replaced_at_once_and_promoted_when_ready) {
    serve(2);
    now += 1s;
    EXPECT_THAT(feed(WorkerExited{{1, 0}, killed}),
                ElementsAre(ReportExited{{1, 0}, killed, "killed by signal 9 (SIGKILL)", false, false, 0s}, Fork{{1, 0}}));
    EXPECT_EQ(pool->deadline(), now + 60s) << "timeouts.start";
    EXPECT_THAT(feed(WorkerForked{{1, 0}, 77}), ElementsAre(ReportStarted{{1, 0}, 77}));
    EXPECT_THAT(feed(WorkerReady{{1, 0}}), ElementsAre(SendPromote{{1, 0}}));
    EXPECT_EQ(pool->deadline(), TimePoint::max());
}

TEST_F(Pool, repeated_crashes_back_off_doubling_to_the_maximum_with_jitter) {
    serve(2);
    Duration expected = 100ms;
    EXPECT_EQ(retry_of(feed(WorkerExited{{1, 0}, exit_3})), 0s);
    for (int i = 0; i < 8; ++i) {
        const auto commands = feed(WorkerExited{{1, 0}, exit_3});
        const Duration retry = retry_of(commands);
        EXPECT_GE(retry, expected * 8 / 10) << i;
        EXPECT_LE(retry, expected * 12 / 10) << i;
        EXPECT_EQ(pool->deadline(), now + retry);
        EXPECT_TRUE(pool->is_in_backoff(1));
        EXPECT_THAT(commands, Not(Contains(PoolCommand(Fork{{1, 0}}))));
        EXPECT_THAT(wait(retry), ElementsAre(Fork{{1, 0}}));
        expected = std::min<Duration>(expected * 2, 1s);
    }
}

TEST_F(Pool, serving_long_enough_starts_the_count_anew) {
    serve(1);
    static_cast<void>(feed(WorkerExited{{1, 0}, exit_3}));
    static_cast<void>(feed(WorkerReady{{1, 0}}));
    now += 10s;
    EXPECT_EQ(retry_of(feed(WorkerExited{{1, 0}, exit_3})), 0s);
}

TEST_F(Pool, the_operator_is_told_once_when_nobody_serves_and_once_when_somebody_does) {
    serve(2);
    for (int slot : {1, 2}) static_cast<void>(feed(WorkerExited{{slot, 0}, exit_3}));
    EXPECT_THAT(feed(WorkerExited{{1, 0}, exit_3}), Not(Contains(testing::VariantWith<ReportServing>(testing::_))));
    EXPECT_THAT(feed(WorkerExited{{2, 0}, exit_3}),
                Contains(testing::VariantWith<ReportServing>(testing::Field(&ReportServing::is_serving, false))));
    static_cast<void>(wait(1s));
    EXPECT_THAT(feed(WorkerReady{{1, 0}}), Contains(PoolCommand(ReportServing{true, "", 0s})));
    EXPECT_THAT(feed(WorkerReady{{2, 0}}), ElementsAre(SendPromote{{2, 0}}));
}

TEST_F(Pool, the_operator_is_told_why_nobody_serves_now_not_only_why_it_began) {
    const auto reason_in = [](const PoolCommands& commands) {
        std::string reason;
        for (const PoolCommand& command : commands)
            if (const auto* serving = std::get_if<ReportServing>(&command)) reason = serving->reason;
        return reason;
    };
    serve(1);
    static_cast<void>(feed(WorkerExited{{1, 0}, segfault}));
    const std::string first = reason_in(feed(WorkerExited{{1, 0}, segfault}));
    EXPECT_NE(first, "");
    static_cast<void>(wait(1s));
    EXPECT_EQ(reason_in(feed(WorkerExited{{1, 0}, segfault})), "") << "said already";
    static_cast<void>(wait(1s));
    const std::string second = reason_in(feed(WorkerExited{{1, 0}, exit_3}));
    EXPECT_NE(second, "");
    EXPECT_NE(second, first);
}

TEST_F(Pool, a_worker_that_lost_its_link_is_killed_soon_unless_it_exits_first) {
    serve(1);
    EXPECT_THAT(feed(LinkLost{{1, 0}}), IsEmpty());
    EXPECT_EQ(pool->deadline(), now + link_grace);
    EXPECT_EQ(reason_of(feed(WorkerExited{{1, 0}, exit_3})), "exit code 3");
    static_cast<void>(feed(WorkerReady{{1, 0}}));
    static_cast<void>(feed(LinkLost{{1, 0}}));
    EXPECT_THAT(wait(link_grace), Contains(PoolCommand(Kill{{1, 0}})));
    EXPECT_EQ(reason_of(feed(WorkerExited{{1, 0}, killed})), "closed its link to the master");
}

TEST_F(Pool, a_replacement_that_hangs_is_killed_at_its_deadline) {
    serve(1);
    static_cast<void>(feed(WorkerExited{{1, 0}, exit_3}));
    EXPECT_THAT(wait(60s), Contains(PoolCommand(Kill{{1, 0}})));
    EXPECT_THAT(wait(1s), Contains(PoolCommand(Kill{{1, 0}}))) << "in an uninterruptible wait: again";
    EXPECT_EQ(reason_of(feed(WorkerExited{{1, 0}, killed})), "not ready within timeouts.start");
}

TEST_F(Pool, a_replacement_that_cannot_import_names_the_reason) {
    serve(1);
    static_cast<void>(feed(WorkerExited{{1, 0}, exit_3}));
    static_cast<void>(feed(WorkerFailed{{1, 0}, {"import", "NameError: x", ""}}));
    EXPECT_EQ(reason_of(feed(WorkerExited{{1, 0}, exit_1})), "import: NameError: x");
}

TEST_F(Pool, drains_then_stops_then_kills) {
    serve(2);
    EXPECT_THAT(feed(StopRequested{true}), ElementsAre(SendDrain{{1, 0}, 30s}, SendDrain{{2, 0}, 30s}));
    EXPECT_THAT(feed(WorkerExited{{1, 0}, exit_0}),
                ElementsAre(ReportExited{{1, 0}, exit_0, "drained", true, false, 0s}));
    EXPECT_THAT(wait(30s), ElementsAre(SendStop{{2, 0}}));
    EXPECT_EQ(pool->deadline(), now + 5s);
    EXPECT_THAT(wait(5s), ElementsAre(Kill{{2, 0}}));
    EXPECT_THAT(feed(WorkerExited{{2, 0}, killed}), Contains(PoolCommand(Finished{0})));
    EXPECT_EQ(pool->state(), PoolState::finished);
    EXPECT_EQ(pool->deadline(), TimePoint::max());
}

TEST_F(Pool, a_second_fast_stop_hurries_a_graceful_one) {
    serve(1);
    static_cast<void>(feed(StopRequested{true}));
    EXPECT_THAT(feed(StopRequested{true}), IsEmpty());
    EXPECT_THAT(feed(StopRequested{false}), ElementsAre(SendStop{{1, 0}}));
}

TEST_F(Pool, one_more_fast_stop_kills) {
    serve(2);
    EXPECT_THAT(feed(StopRequested{false}), ElementsAre(SendStop{{1, 0}}, SendStop{{2, 0}}));
    EXPECT_THAT(feed(StopRequested{true}), IsEmpty());
    EXPECT_THAT(feed(StopRequested{false}), ElementsAre(Kill{{1, 0}}, Kill{{2, 0}}));
    static_cast<void>(feed(WorkerExited{{1, 0}, killed}));
    EXPECT_THAT(feed(WorkerExited{{2, 0}, killed}), Contains(PoolCommand(Finished{0})));
}

TEST_F(Pool, stopping_while_starting_kills_because_nothing_was_accepted) {
    start(1);
    EXPECT_THAT(feed(StopRequested{true}), Contains(PoolCommand(Kill{{1, 0}})));
    EXPECT_THAT(feed(WorkerExited{{1, 0}, killed}), Contains(PoolCommand(Finished{0})));
}

TEST_F(Pool, stopping_with_everybody_in_backoff_ends_at_once) {
    serve(1);
    static_cast<void>(feed(WorkerExited{{1, 0}, exit_3}));
    static_cast<void>(feed(WorkerExited{{1, 0}, exit_3}));
    EXPECT_THAT(feed(StopRequested{true}), Contains(PoolCommand(Finished{0})));
    EXPECT_THAT(wait(10s), IsEmpty());
}

TEST_F(Pool, events_of_the_past_mean_nothing) {
    serve(1);
    EXPECT_THAT(feed(TimePassed{}), IsEmpty());
    EXPECT_THAT(feed(WorkerReady{{1, 0}}), IsEmpty());
    EXPECT_THAT(feed(WorkerReady{{1, 1}}), IsEmpty());
    EXPECT_THAT(feed(WorkerExited{{1, 1}, exit_0}), IsEmpty());
    EXPECT_THAT(feed(Begin{}), IsEmpty());
    EXPECT_THAT(feed(WorkerFailed{{1, 0}, {}}), IsEmpty());
    EXPECT_THAT(feed(RecycleDue{{1, 1}, "x"}), IsEmpty());
}

}  // namespace
}  // namespace vassal::master
