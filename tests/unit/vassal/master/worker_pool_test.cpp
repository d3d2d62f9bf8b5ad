// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/worker_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vassal::master {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

const ExitStatus killed{ExitStatus::Kind::signaled, 9};
const ExitStatus exit_0{ExitStatus::Kind::exited, 0};
const ExitStatus exit_3{ExitStatus::Kind::exited, 3};

PoolOptions options(int workers) {
    PoolOptions result;
    result.workers = workers;
    result.drain = 30s;
    result.kill = 5s;
    result.start = 60s;
    result.backoff_initial = 100ms;
    result.backoff_max = 1s;
    result.stable = 10s;
    result.jitter_seed = 1;
    return result;
}

class Pool : public testing::Test {
protected:
    PoolCommands feed(const PoolEvent& event) { return pool->on(event, now); }
    void start(int workers) {
        pool.emplace(options(workers));
        static_cast<void>(feed(Begin{now + 60s}));
    }
    void serve(int workers) {
        start(workers);
        for (int slot = 1; slot <= workers; ++slot) static_cast<void>(feed(WorkerReady{slot}));
        static_cast<void>(feed(PromoteRequested{}));
    }
    static Duration retry_of(const PoolCommands& commands) {
        for (const auto& command : commands)
            if (const auto* exited = std::get_if<ReportExited>(&command)) return exited->retry;
        return Duration::max();
    }
    static std::string reason_of(const PoolCommands& commands) {
        for (const auto& command : commands)
            if (const auto* exited = std::get_if<ReportExited>(&command)) return exited->reason;
        return "";
    }

    TimePoint now{1000s};
    std::optional<WorkerPool> pool;
};

TEST_F(Pool, starts_all_workers_under_one_deadline) {
    pool.emplace(options(2));
    EXPECT_THAT(feed(Begin{now + 60s}), ElementsAre(ArmTimer{0, now + 60s}, Fork{1}, Fork{2}));
    EXPECT_EQ(pool->state(), PoolState::starting);
}

TEST_F(Pool, is_ready_when_the_last_worker_is) {
    start(2);
    EXPECT_THAT(feed(WorkerReady{2}), IsEmpty());
    EXPECT_THAT(feed(WorkerReady{1}), ElementsAre(DisarmTimer{0}, ReportReady{}));
    EXPECT_EQ(pool->state(), PoolState::ready);
}

TEST_F(Pool, promotes_every_worker_and_says_so_last) {
    start(2);
    static_cast<void>(feed(WorkerReady{1}));
    EXPECT_THAT(feed(PromoteRequested{}), IsEmpty()) << "not ready yet";
    static_cast<void>(feed(WorkerReady{2}));
    EXPECT_THAT(feed(PromoteRequested{}), ElementsAre(SendPromote{1}, SendPromote{2}, ReportPromoted{}));
    EXPECT_EQ(pool->slot_state(1), SlotState::serving);
}

TEST_F(Pool, one_failed_import_fails_the_start_with_its_words) {
    start(2);
    const StartFailure failure{"import", "NameError: x", "Traceback"};
    EXPECT_THAT(feed(WorkerFailed{1, failure}),
                ElementsAre(ReportFailed{failure}, Kill{1}, Kill{2}, ArmTimer{0, now + 1s}));
    static_cast<void>(feed(WorkerFailed{2, {"import", "the same", ""}}));
    static_cast<void>(feed(WorkerExited{1, killed}));
    EXPECT_THAT(feed(WorkerExited{2, killed}), Contains(PoolCommand(Finished{1})));
}

TEST_F(Pool, a_worker_that_ends_without_a_word_fails_the_start_with_its_status) {
    start(1);
    const auto commands = feed(WorkerExited{1, exit_3});
    EXPECT_THAT(commands, ElementsAre(ReportFailed{{"exit", "worker 1 ended: exit code 3", ""}}, ArmTimer{0, now + 1s},
                                      DisarmTimer{0}, Finished{1}));
}

TEST_F(Pool, a_worker_lost_while_waiting_for_promotion_fails_the_start) {
    start(1);
    static_cast<void>(feed(WorkerReady{1}));
    EXPECT_THAT(feed(WorkerExited{1, killed}), Contains(PoolCommand(Finished{1})));
}

TEST_F(Pool, a_start_that_takes_too_long_fails) {
    start(1);
    now += 60s;
    const auto commands = feed(TimerFired{0});
    EXPECT_THAT(commands, Contains(PoolCommand(Kill{1})));
    EXPECT_EQ(std::get<ReportFailed>(commands.front()).failure.step, "timeout");
}

TEST_F(Pool, a_crash_is_replaced_at_once_and_promoted_when_ready) {
    serve(2);
    now += 1s;
    EXPECT_THAT(feed(WorkerExited{1, killed}),
                ElementsAre(DisarmTimer{1}, ReportExited{1, killed, "killed by signal 9 (SIGKILL)", false, false, 0s}, Fork{1},
                            ArmTimer{1, now + 60s}));
    EXPECT_THAT(feed(WorkerForked{1, 77}), ElementsAre(ReportStarted{1, 77}));
    EXPECT_THAT(feed(WorkerReady{1}), ElementsAre(DisarmTimer{1}, SendPromote{1}));
}

TEST_F(Pool, repeated_crashes_back_off_doubling_to_the_maximum_with_jitter) {
    serve(2);
    Duration expected = 100ms;
    EXPECT_EQ(retry_of(feed(WorkerExited{1, exit_3})), 0s);
    for (int i = 0; i < 8; ++i) {
        const auto commands = feed(WorkerExited{1, exit_3});
        const Duration retry = retry_of(commands);
        EXPECT_GE(retry, expected * 8 / 10) << i;
        EXPECT_LE(retry, expected * 12 / 10) << i;
        EXPECT_THAT(commands, Contains(PoolCommand(ArmTimer{1, now + retry})));
        EXPECT_THAT(commands, Not(Contains(PoolCommand(Fork{1}))));
        now += retry;
        EXPECT_THAT(feed(TimerFired{1}), ElementsAre(Fork{1}, ArmTimer{1, now + 60s}));
        expected = std::min<Duration>(expected * 2, 1s);
    }
}

TEST_F(Pool, serving_long_enough_starts_the_count_anew) {
    serve(1);
    static_cast<void>(feed(WorkerExited{1, exit_3}));
    static_cast<void>(feed(WorkerReady{1}));
    now += 10s;
    EXPECT_EQ(retry_of(feed(WorkerExited{1, exit_3})), 0s);
}

TEST_F(Pool, the_operator_is_told_once_when_nobody_serves_and_once_when_somebody_does) {
    serve(2);
    for (int slot : {1, 2}) static_cast<void>(feed(WorkerExited{slot, exit_3}));
    EXPECT_THAT(feed(WorkerExited{1, exit_3}), Not(Contains(testing::VariantWith<ReportServing>(testing::_))));
    EXPECT_THAT(feed(WorkerExited{2, exit_3}), Contains(testing::VariantWith<ReportServing>(testing::Field(&ReportServing::is_serving, false))));
    static_cast<void>(feed(TimerFired{1}));
    EXPECT_THAT(feed(WorkerReady{1}), Contains(PoolCommand(ReportServing{true, "", 0s})));
    static_cast<void>(feed(TimerFired{2}));
    EXPECT_THAT(feed(WorkerReady{2}), ElementsAre(DisarmTimer{2}, SendPromote{2}));
}

TEST_F(Pool, a_request_timeout_dumps_then_kills_and_does_not_count_as_a_crash) {
    serve(1);
    EXPECT_THAT(feed(RequestTimedOut{1, "request timeout: GET /slow after 60 s"}), ElementsAre(Abort{1}, ArmTimer{1, now + 1s}));
    EXPECT_THAT(feed(RequestTimedOut{1, "again"}), IsEmpty());
    now += 1s;
    EXPECT_THAT(feed(TimerFired{1}), ElementsAre(Kill{1}, ArmTimer{1, now + 1s}));
    const auto commands = feed(WorkerExited{1, killed});
    EXPECT_EQ(reason_of(commands), "request timeout: GET /slow after 60 s");
    EXPECT_THAT(commands, Contains(PoolCommand(Fork{1})));
    static_cast<void>(feed(WorkerReady{1}));
    EXPECT_EQ(retry_of(feed(WorkerExited{1, exit_3})), 0s) << "the first crash";
}

TEST_F(Pool, a_worker_that_lost_its_link_is_killed_unless_it_exits_first) {
    serve(1);
    EXPECT_THAT(feed(LinkLost{1}), ElementsAre(ArmTimer{1, now + 5s}));
    EXPECT_EQ(reason_of(feed(WorkerExited{1, exit_3})), "exit code 3");
    static_cast<void>(feed(WorkerReady{1}));
    static_cast<void>(feed(LinkLost{1}));
    EXPECT_THAT(feed(TimerFired{1}), Contains(PoolCommand(Kill{1})));
    EXPECT_EQ(reason_of(feed(WorkerExited{1, killed})), "closed its link to the master");
}

TEST_F(Pool, a_replacement_that_hangs_is_killed_at_its_deadline) {
    serve(1);
    static_cast<void>(feed(WorkerExited{1, exit_3}));
    now += 60s;
    EXPECT_THAT(feed(TimerFired{1}), Contains(PoolCommand(Kill{1})));
    EXPECT_EQ(reason_of(feed(WorkerExited{1, killed})), "not ready within timeouts.start");
}

TEST_F(Pool, a_replacement_that_cannot_import_names_the_reason) {
    serve(1);
    static_cast<void>(feed(WorkerExited{1, exit_3}));
    static_cast<void>(feed(WorkerFailed{1, {"import", "NameError: x", ""}}));
    EXPECT_EQ(reason_of(feed(WorkerExited{1, ExitStatus{ExitStatus::Kind::exited, 1}})), "import: NameError: x");
}

TEST_F(Pool, drains_then_stops_then_kills) {
    serve(2);
    EXPECT_THAT(feed(StopRequested{true}), ElementsAre(SendDrain{1}, SendDrain{2}, ArmTimer{0, now + 30s}));
    EXPECT_THAT(feed(WorkerExited{1, exit_0}), ElementsAre(ReportExited{1, exit_0, "drained", true, false, 0s}));
    now += 30s;
    EXPECT_THAT(feed(TimerFired{0}), ElementsAre(SendStop{2}, ArmTimer{0, now + 5s}));
    now += 5s;
    EXPECT_THAT(feed(TimerFired{0}), ElementsAre(Kill{2}, ArmTimer{0, now + 1s}));
    EXPECT_THAT(feed(WorkerExited{2, killed}), Contains(PoolCommand(Finished{0})));
    EXPECT_EQ(pool->state(), PoolState::finished);
}

TEST_F(Pool, a_second_fast_stop_hurries_a_graceful_one) {
    serve(1);
    static_cast<void>(feed(StopRequested{true}));
    EXPECT_THAT(feed(StopRequested{true}), IsEmpty());
    EXPECT_THAT(feed(StopRequested{false}), ElementsAre(SendStop{1}, ArmTimer{0, now + 5s}));
}

TEST_F(Pool, one_more_fast_stop_kills) {
    serve(2);
    EXPECT_THAT(feed(StopRequested{false}), ElementsAre(SendStop{1}, SendStop{2}, ArmTimer{0, now + 5s}));
    EXPECT_THAT(feed(StopRequested{true}), IsEmpty());
    EXPECT_THAT(feed(StopRequested{false}), ElementsAre(Kill{1}, Kill{2}, ArmTimer{0, now + 1s}));
    static_cast<void>(feed(WorkerExited{1, killed}));
    EXPECT_THAT(feed(WorkerExited{2, killed}), Contains(PoolCommand(Finished{0})));
}

TEST_F(Pool, stopping_while_starting_kills_because_nothing_was_accepted) {
    start(1);
    EXPECT_THAT(feed(StopRequested{true}), Contains(PoolCommand(Kill{1})));
    EXPECT_THAT(feed(WorkerExited{1, killed}), Contains(PoolCommand(Finished{0})));
}

TEST_F(Pool, stopping_with_everybody_in_backoff_ends_at_once) {
    serve(1);
    static_cast<void>(feed(WorkerExited{1, exit_3}));
    static_cast<void>(feed(WorkerExited{1, exit_3}));
    EXPECT_THAT(feed(StopRequested{true}), Contains(PoolCommand(Finished{0})));
    EXPECT_THAT(feed(TimerFired{1}), IsEmpty());
}

TEST_F(Pool, events_of_the_past_mean_nothing) {
    serve(1);
    EXPECT_THAT(feed(TimerFired{0}), IsEmpty());
    EXPECT_THAT(feed(TimerFired{1}), IsEmpty());
    EXPECT_THAT(feed(WorkerReady{1}), IsEmpty());
    EXPECT_THAT(feed(Begin{}), IsEmpty());
    EXPECT_THAT(feed(WorkerFailed{1, {}}), IsEmpty());
}

}  // namespace
}  // namespace vassal::master
