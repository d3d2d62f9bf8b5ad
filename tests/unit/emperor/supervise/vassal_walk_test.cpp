// SPDX-License-Identifier: Apache-2.0
// Thousands of seeded random walks through everything that may happen to a vassal, in any order. The model checks
// I1-I8 on every command; here is what must hold in the end. A failure names its seed.
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/emperor/supervise/walk_model.h"

namespace emperor::supervise {
namespace {

constexpr std::uint32_t walks = 4000;
constexpr int steps = 300;

TEST(VassalWalk, whatever_happens_the_invariants_hold_and_a_shutdown_ends_in_time) {
    std::map<Report::Kind, unsigned> reports;
    for (std::uint32_t seed = 1; seed <= walks; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        World world(seed);
        for (int i = 0; i < steps; ++i) world.step();
        world.shut_down();
        if (::testing::Test::HasFailure()) return;
        for (const auto& [kind, count] : world.reports) reports[kind] += count;
    }
    // The walks go everywhere, also where two things have to go right first; an observation needs a whole rollout before.
    const auto is_rare = [](int kind) {
        return kind >= static_cast<int>(Report::Kind::observing) && kind <= static_cast<int>(Report::Kind::standby_lost);
    };
    for (int kind = 0; kind <= static_cast<int>(Report::Kind::recycle_failed); ++kind)
        EXPECT_GE(reports[static_cast<Report::Kind>(kind)], walks / (is_rare(kind) ? 400 : 10)) << "report kind " << kind;
}

TEST(VassalWalk, when_the_storm_is_over_the_vassal_is_what_its_file_says) {
    for (std::uint32_t seed = 1; seed <= walks; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        World world(seed);
        for (int i = 0; i < steps; ++i) world.step();
        world.settle();
        const VassalStatus status = world.status();
        if (!world.wants_to_run()) {
            EXPECT_TRUE(world.processes().empty());
            EXPECT_TRUE(status.is_asleep || !world.may_sleep() || status.state == DisplayState::stopped);
        } else if (!world.is_invalid()) {
            const bool is_rolled_back = status.state == DisplayState::rolled_back;
            EXPECT_TRUE(status.state == DisplayState::running || is_rolled_back) << status.reason;
            ASSERT_EQ(world.processes().size(), 1u);
            // The newest file serves, unless it was proven broken since the last change, or rolled back.
            EXPECT_TRUE(status.last_reload_failure || is_rolled_back ||
                        world.processes().begin()->second.spec == world.desired());
        } else if (!world.processes().empty()) {
            EXPECT_EQ(status.state, DisplayState::invalid);
        }
        EXPECT_EQ(world.open_tickets(), 0u);
        world.shut_down();
        if (::testing::Test::HasFailure()) return;
    }
}

}  // namespace
}  // namespace emperor::supervise
