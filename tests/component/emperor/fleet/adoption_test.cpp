// SPDX-License-Identifier: Apache-2.0
// The masters are children of the test program all along, as they would be of an emperor that re-executed itself.
#include <sys/wait.h>

#include "tests/component/emperor/fleet/fleet_fixture.h"

namespace emperor::fleet {
namespace {

using supervise::DisplayState;
using supervise::Operation;

TEST_F(FleetTest, the_next_emperor_adopts_what_runs) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    const ino_t socket = inode_of(socket_of("shop"));
    die();
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    EXPECT_EQ(master_of("shop"), master);
    EXPECT_EQ(view("shop").status.active, 1u);
    EXPECT_EQ(inode_of(socket_of("shop")), socket);
    EXPECT_EQ(ask("shop"), "1 " + std::to_string(master) + "\n");
    ASSERT_NE(view("shop").effective, nullptr);
    EXPECT_TRUE(run_until([&] { return !view("shop").effective->origins.empty(); }));
    EXPECT_TRUE(operate("shop", Operation::reload).ok);
    EXPECT_EQ(ask("shop").substr(0, 2), "2 ");
    EXPECT_EQ(inode_of(socket_of("shop")), socket);
}

TEST_F(FleetTest, an_edit_made_while_no_emperor_ran_is_rolled_out) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    die();
    write("shop", "ok", "env: {A: b}\n");
    start();
    ASSERT_TRUE(run_until([&] { return view("shop").status.active == 2 && view("shop").instances.size() == 1; }));
}

TEST_F(FleetTest, a_file_removed_while_no_emperor_ran_ends_the_adopted_vassal) {
    write("shop", "worker");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    die();
    std::filesystem::remove(root / "apps/shop.yaml");
    start();
    ASSERT_TRUE(run_until([&] { return !is_alive(master) && fleet->names().empty(); }));
    EXPECT_FALSE(exists(socket_of("shop")));
}

TEST_F(FleetTest, a_master_that_does_not_answer_is_ended_and_started_afresh) {
    write("shop", "silent_rendezvous");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    die();
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    EXPECT_FALSE(is_alive(master));
    EXPECT_NE(master_of("shop"), master);
}

TEST_F(FleetTest, a_master_that_died_with_the_emperor_is_started_afresh) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    die();
    ::kill(master, SIGKILL);
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop") && master_of("shop") != master; }));
    EXPECT_EQ(ask("shop").substr(0, 2), "1 ");
}

// Nobody knows what it would run: its last master is gone, and its file cannot be used.
TEST_F(FleetTest, clients_of_one_with_an_invalid_file_wait_over_a_change_of_emperors) {
    use_keeper();
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    const ino_t socket = inode_of(socket_of("shop"));
    die();
    ::kill(master, SIGKILL);
    ASSERT_TRUE(run_until([&] { return ::waitpid(master, nullptr, WNOHANG) != 0; }));
    const auto before = connect_to(socket_of("shop"));
    write("shop", "ok", "wokers: 4\n");
    start();
    ASSERT_TRUE(run_until([&] { return is_in("shop", DisplayState::invalid); }));
    const auto meanwhile = connect_to(socket_of("shop"));
    ASSERT_TRUE(before && meanwhile);
    write("shop", "ok");
    EXPECT_EQ(answer_on(before).substr(0, 2), "1 ");
    EXPECT_EQ(answer_on(meanwhile).substr(0, 2), "1 ");
    EXPECT_EQ(inode_of(socket_of("shop")), socket);
    // Removed, nobody waits for it any more.
    std::filesystem::remove(root / "apps/shop.yaml");
    ASSERT_TRUE(run_until([&] { return !fleet->view("shop"); }));
    EXPECT_FALSE(exists(socket_of("shop")));
}

TEST_F(FleetTest, workers_that_outlive_master_and_emperor_are_ended_and_free_the_address) {
    write("shop", "ignore_stop", "timeouts: {drain: 1s, kill: 1s}\n");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    die();
    ::kill(master, SIGKILL);
    ASSERT_TRUE(run_until([&] { return ::waitpid(master, nullptr, WNOHANG) != 0; }));
    ASSERT_FALSE(process::orphans_of(master).empty());
    start();
    EXPECT_TRUE(run_until([&] { return is_running("shop"); }));
    EXPECT_TRUE(process::orphans_of(master).empty());
}

TEST_F(FleetTest, a_stopped_vassal_stays_stopped_over_emperors) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    ASSERT_TRUE(operate("shop", Operation::stop).ok);
    ASSERT_TRUE(stop());
    start();
    ASSERT_TRUE(run_until([&] { return fleet->view("shop").has_value(); }));
    EXPECT_TRUE(is_in("shop", DisplayState::stopped));
    EXPECT_EQ(view("shop").status.reason.substr(0, 26), "stopped by operator tester");
    EXPECT_TRUE(view("shop").status.is_held);
    EXPECT_TRUE(operate("shop", Operation::start).ok);
}

}  // namespace
}  // namespace emperor::fleet
