// SPDX-License-Identifier: Apache-2.0
// Other bounds for a pool that serves, and rolls that are told of when they are over.
#include "tests/unit/vassal/master/pool_fixture.h"

namespace vassal::master {
namespace {

const auto rolled = PoolCommand(ReportRolled{});

TEST_F(Pool, a_roll_is_over_when_nobody_serves_who_was_there_before) {
    serve(2);
    EXPECT_THAT(feed(RollRequested{"new settings"}), ElementsAre(Fork{{1, 1}}));
    EXPECT_THAT(feed(WorkerReady{{1, 1}}), ElementsAre(SendPromote{{1, 1}}, SendDrain{{1, 0}, 90s}));
    EXPECT_THAT(feed(WorkerExited{{1, 0}, exit_0}), Contains(PoolCommand(Fork{{2, 1}})));
    EXPECT_THAT(feed(WorkerReady{{2, 1}}), ElementsAre(SendPromote{{2, 1}}, SendDrain{{2, 0}, 90s}, ReportRolled{}))
        << "the old one accepts nothing any more";
    EXPECT_THAT(feed(WorkerExited{{2, 0}, exit_0}), Not(Contains(rolled)));
}

TEST_F(Pool, a_roll_replaces_also_a_worker_that_was_just_starting) {
    serve(1);
    static_cast<void>(feed(RecycleDue{{1, 0}, "recycled"}));
    EXPECT_THAT(feed(RollRequested{"new settings"}), IsEmpty()) << "it may have read the old ones";
    EXPECT_THAT(feed(WorkerReady{{1, 1}}), Not(Contains(rolled)));
    EXPECT_THAT(feed(WorkerExited{{1, 0}, exit_0}), Contains(PoolCommand(Fork{{1, 0}})));
    EXPECT_THAT(feed(WorkerReady{{1, 0}}), Contains(rolled));
}

TEST_F(Pool, a_roll_that_fails_leaves_the_old_ones_says_why_and_goes_on_later) {
    serve(2);
    static_cast<void>(feed(RollRequested{"new settings"}));
    static_cast<void>(feed(WorkerFailed{{1, 1}, {"import", "NameError: x", ""}}));
    const auto commands = feed(WorkerExited{{1, 1}, exit_1});
    const Duration retry = retry_of(commands);
    EXPECT_GT(retry, 0s);
    EXPECT_THAT(commands, Contains(PoolCommand(ReportRollStalled{"import: NameError: x", retry})));
    EXPECT_EQ(state(1, 0), ProcessState::serving);
    EXPECT_EQ(state(2, 0), ProcessState::serving);
    EXPECT_THAT(wait(retry), ElementsAre(Fork{{1, 1}}));
}

TEST_F(Pool, a_recycle_that_fails_is_no_failed_roll) {
    serve(1);
    static_cast<void>(feed(RecycleDue{{1, 0}, "recycled"}));
    static_cast<void>(feed(WorkerFailed{{1, 1}, {"import", "NameError: x", ""}}));
    EXPECT_THAT(feed(WorkerExited{{1, 1}, exit_1}), Not(Contains(testing::VariantWith<ReportRollStalled>(testing::_))));
}

TEST_F(Pool, a_second_roll_begins_anew_and_only_its_end_is_told) {
    serve(2);
    static_cast<void>(feed(RollRequested{"a"}));
    static_cast<void>(feed(WorkerReady{{1, 1}}));
    static_cast<void>(feed(RollRequested{"b"}));
    EXPECT_THAT(feed(WorkerExited{{1, 0}, exit_0}), Contains(PoolCommand(Fork{{2, 1}})));
    EXPECT_THAT(feed(WorkerReady{{2, 1}}), Not(Contains(rolled))) << "the first worker knows of a only";
    EXPECT_THAT(feed(WorkerExited{{2, 0}, exit_0}), Contains(PoolCommand(Fork{{1, 0}})));
    EXPECT_THAT(feed(WorkerReady{{1, 0}}), Contains(rolled));
}

TEST_F(Pool, slots_are_added_and_filled) {
    serve(1);
    EXPECT_THAT(feed(Reconfigured{options_for(3)}), ElementsAre(Fork{{2, 0}}, Fork{{3, 0}}));
    EXPECT_EQ(pool->wanted(), 3);
    EXPECT_EQ(state(1, 0), ProcessState::serving) << "the old one stays";
}

TEST_F(Pool, slots_that_are_too_many_drain_and_may_be_wanted_again) {
    serve(3);
    EXPECT_THAT(feed(Reconfigured{options_for(1)}), ElementsAre(SendDrain{{3, 0}, 90s}, SendDrain{{2, 0}, 90s}));
    EXPECT_EQ(pool->wanted(), 1);
    static_cast<void>(feed(WorkersWanted{3}));
    EXPECT_EQ(pool->wanted(), 1) << "no more than there may be";
    EXPECT_THAT(feed(Reconfigured{options_for(2)}), ElementsAre(Fork{{2, 1}}));
}

TEST_F(Pool, a_range_keeps_what_is_wanted_within_its_bounds) {
    PoolOptions range = options_for(4);
    range.workers_min = 1;
    serve(range);
    static_cast<void>(feed(WorkersWanted{3}));
    range.workers = 8;
    EXPECT_THAT(feed(Reconfigured{range}), IsEmpty());
    EXPECT_EQ(pool->wanted(), 3);
    static_cast<void>(feed(WorkersWanted{8}));
    EXPECT_EQ(pool->wanted(), 8);
}

TEST_F(Pool, bounds_of_age_and_requests_are_drawn_anew) {
    serve(1);
    EXPECT_EQ(pool->request_bound({1, 0}), 0u);
    PoolOptions bounded = options_for(1);
    bounded.recycle = {100, 60s, 0};
    now += 10s;
    static_cast<void>(feed(Reconfigured{bounded}));
    EXPECT_EQ(pool->request_bound({1, 0}), 100u);
    EXPECT_EQ(pool->deadline(), now + 50s) << "it serves for ten seconds already";
    static_cast<void>(feed(Reconfigured{options_for(1)}));
    EXPECT_EQ(pool->request_bound({1, 0}), 0u);
    EXPECT_EQ(pool->deadline(), TimePoint::max());
}

TEST_F(Pool, a_new_configuration_ends_every_backoff) {
    serve(1);
    for (int i = 0; i < 4; ++i) {
        const Duration retry = retry_of(feed(WorkerExited{{1, pool->process_state({1, 0}) == ProcessState::empty ? 1 : 0},
                                                          killed}));
        if (retry > 0s) break;
    }
    ASSERT_TRUE(pool->is_in_backoff(1));
    EXPECT_THAT(feed(Reconfigured{options_for(1)}), Contains(testing::VariantWith<Fork>(testing::_)));
}

TEST_F(Pool, later_stops_take_the_new_times) {
    serve(1);
    PoolOptions hurried = options_for(1);
    hurried.drain = 2s;
    static_cast<void>(feed(Reconfigured{hurried}));
    EXPECT_THAT(feed(StopRequested{true}), ElementsAre(SendDrain{{1, 0}, 2s}));
    EXPECT_EQ(pool->deadline(), now + 2s);
}

TEST_F(Pool, what_does_not_serve_is_not_reconfigured) {
    start(1);
    EXPECT_THAT(feed(Reconfigured{options_for(3)}), IsEmpty());
    EXPECT_EQ(pool->workers(), 1);
}

}  // namespace
}  // namespace vassal::master
