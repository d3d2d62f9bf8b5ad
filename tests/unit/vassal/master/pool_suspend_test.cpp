// SPDX-License-Identifier: Apache-2.0
// A pool whose generation stands by for another one.
#include "tests/unit/vassal/master/pool_fixture.h"

namespace vassal::master {
namespace {

TEST_F(Pool, a_suspended_pool_accepts_nothing_until_it_is_resumed) {
    serve(2);
    EXPECT_THAT(feed(SuspendRequested{}), ElementsAre(SendSuspend{{1, 0}}, SendSuspend{{2, 0}}));
    EXPECT_TRUE(pool->is_suspended());
    EXPECT_THAT(feed(SuspendRequested{}), IsEmpty());
    EXPECT_EQ(pool->state(), PoolState::serving);
    EXPECT_THAT(feed(ResumeRequested{}), ElementsAre(SendPromote{{1, 0}}, SendPromote{{2, 0}}, ReportResumed{}));
    EXPECT_FALSE(pool->is_suspended());
    EXPECT_THAT(feed(ResumeRequested{}), IsEmpty());
}

TEST_F(Pool, a_worker_that_crashes_while_suspended_is_replaced_and_promoted_with_the_others) {
    serve(1);
    static_cast<void>(feed(SuspendRequested{}));
    EXPECT_THAT(feed(WorkerExited{{1, 0}, segfault}), Contains(PoolCommand(Fork{{1, 0}})));
    EXPECT_THAT(feed(WorkerReady{{1, 0}}), Not(Contains(PoolCommand(SendPromote{{1, 0}}))));
    EXPECT_THAT(feed(ResumeRequested{}), ElementsAre(SendPromote{{1, 0}}, ReportResumed{}));
}

TEST_F(Pool, a_suspended_pool_that_cannot_keep_a_worker_says_that_it_could_not_serve) {
    serve(1);
    static_cast<void>(feed(SuspendRequested{}));
    static_cast<void>(feed(WorkerExited{{1, 0}, segfault}));
    const PoolCommands commands = feed(WorkerExited{{1, 0}, exit_1});
    EXPECT_TRUE(std::ranges::any_of(commands, [](const PoolCommand& command) {
        const auto* serving = std::get_if<ReportServing>(&command);
        return serving && !serving->is_serving;
    }));
}

TEST_F(Pool, a_suspended_pool_drains_and_stops_like_any_other) {
    serve(1);
    static_cast<void>(feed(SuspendRequested{}));
    EXPECT_THAT(feed(StopRequested{true}), ElementsAre(SendDrain{{1, 0}, 30s}));
    EXPECT_THAT(feed(ResumeRequested{}), IsEmpty());
    EXPECT_THAT(feed(WorkerExited{{1, 0}, exit_0}), Contains(PoolCommand(Finished{0})));
}

TEST_F(Pool, the_number_of_workers_stays_while_suspended) {
    PoolOptions options = options_for(3);
    options.workers_min = 1;
    serve(options);
    static_cast<void>(feed(WorkersWanted{2}));
    static_cast<void>(feed(WorkerReady{{2, 0}}));
    static_cast<void>(feed(SuspendRequested{}));
    EXPECT_THAT(feed(WorkersWanted{1}), IsEmpty());
    EXPECT_EQ(pool->wanted(), 2);
}

TEST_F(Pool, one_that_is_not_promoted_cannot_be_suspended) {
    start(1);
    static_cast<void>(feed(WorkerReady{{1, 0}}));
    EXPECT_THAT(feed(SuspendRequested{}), IsEmpty());
    EXPECT_THAT(feed(PromoteRequested{}), ElementsAre(SendPromote{{1, 0}}, ReportPromoted{}));
}

}  // namespace
}  // namespace vassal::master
