// SPDX-License-Identifier: Apache-2.0
#include "common/base/oom_kills.h"

#include <gtest/gtest.h>

namespace common {
namespace {

using std::chrono::seconds;

constexpr TimePoint start{};

OomCounts in_cgroup(std::uint64_t cgroup, std::uint64_t machine) { return {cgroup, machine}; }
OomCounts on_machine(std::uint64_t machine) { return {std::nullopt, machine}; }

TEST(OomWatch, a_death_is_explained_when_the_cgroup_counted_a_kill) {
    OomWatch watch;
    watch.look(in_cgroup(3, 10), start);
    EXPECT_FALSE(watch.explains(in_cgroup(3, 10), start + seconds(1)));
    EXPECT_TRUE(watch.explains(in_cgroup(4, 11), start + seconds(2)));
}

TEST(OomWatch, kills_elsewhere_on_the_machine_explain_nothing_where_there_is_a_cgroup) {
    OomWatch watch;
    watch.look(in_cgroup(0, 10), start);
    EXPECT_FALSE(watch.explains(in_cgroup(0, 12), start + seconds(1)));
}

TEST(OomWatch, without_a_cgroup_the_machine_s_count_decides) {
    OomWatch watch;
    watch.look(on_machine(0), start);
    EXPECT_FALSE(watch.explains(on_machine(0), start + seconds(1)));
    EXPECT_TRUE(watch.explains(on_machine(1), start + seconds(2)));
}

TEST(OomWatch, each_kill_explains_one_death) {
    OomWatch watch;
    watch.look(on_machine(5), start);
    EXPECT_TRUE(watch.explains(on_machine(7), start + seconds(1)));
    EXPECT_TRUE(watch.explains(on_machine(7), start + seconds(1)));
    EXPECT_FALSE(watch.explains(on_machine(7), start + seconds(1)));
}

TEST(OomWatch, a_kill_of_long_ago_explains_nothing_once_two_looks_lie_between) {
    OomWatch watch;
    watch.look(on_machine(0), start);
    watch.look(on_machine(1), start + seconds(60));
    watch.look(on_machine(1), start + seconds(120));
    EXPECT_FALSE(watch.explains(on_machine(1), start + seconds(121)));
}

TEST(OomWatch, a_look_between_the_kill_and_the_end_of_the_process_does_not_hide_it) {
    OomWatch watch;
    watch.look(on_machine(0), start);
    watch.look(on_machine(1), start + seconds(60));
    EXPECT_TRUE(watch.explains(on_machine(1), start + seconds(61)));
}

TEST(OomWatch, looks_close_together_count_as_one) {
    OomWatch watch;
    watch.look(on_machine(0), start);
    for (int second = 0; second < 4; ++second) watch.look(on_machine(1), start + seconds(second));
    EXPECT_TRUE(watch.explains(on_machine(1), start + seconds(4)));
}

TEST(OomWatch, nothing_known_explains_nothing) {
    OomWatch watch;
    EXPECT_FALSE(watch.explains({}, start));
    EXPECT_FALSE(watch.explains(on_machine(4), start + seconds(1)));
    watch.look({}, start + seconds(10));
    EXPECT_FALSE(watch.explains({}, start + seconds(11)));
}

TEST(OomCounts, are_found_among_their_neighbours) {
    EXPECT_EQ(oom_kills_in("low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 9\n"), 1u);
    EXPECT_EQ(oom_kills_in("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), 3u);
    EXPECT_EQ(oom_kills_in("pgfault 12\noom_kill 18446744073709551615"), 18446744073709551615u);
    EXPECT_EQ(oom_kills_in(""), std::nullopt);
    EXPECT_EQ(oom_kills_in("oom_kill_disable 0\n"), std::nullopt);
    EXPECT_EQ(oom_kills_in("oom_kill many\n"), std::nullopt);
    EXPECT_EQ(oom_kills_in("oom_kill 1 2\n"), std::nullopt);
}

TEST(OomCounts, stand_where_the_process_s_cgroup_is) {
    using Paths = std::vector<std::string>;
    EXPECT_EQ(oom_count_paths("0::/system.slice/emperor.service\n"),
              Paths{"/sys/fs/cgroup/system.slice/emperor.service/memory.events"});
    EXPECT_EQ(oom_count_paths("9:name=systemd:/\n4:cpu,memory:/a/b\n1:cpu:/\n"),
              (Paths{"/sys/fs/cgroup/memory/a/b/memory.oom_control", "/sys/fs/cgroup/memory/memory.oom_control"}));
    EXPECT_EQ(oom_count_paths("4:memory:/\n0::/\n"),
              (Paths{"/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events"}));
    EXPECT_EQ(oom_count_paths("no colons\n:\n\n3:cpuset:/x"), Paths{});
}

TEST(OomReader, reads_what_this_machine_says) {
    const OomReader reader;
    const OomCounts first = reader.read();
    EXPECT_NE(first.cgroup.has_value(), first.machine.has_value()) << "Linux counts since 4.13";
    EXPECT_EQ(reader.read().cgroup.has_value(), first.cgroup.has_value());
}

}  // namespace
}  // namespace common
