// SPDX-License-Identifier: Apache-2.0
// Masters that serve and cannot be taken over: their successor is proven before they end, and what is damaged is left alone.
#include <sys/stat.h>

#include "tests/component/emperor/fleet/fleet_fixture.h"

namespace emperor::fleet {
namespace {

using supervise::DisplayState;
using supervise::Operation;

class UnlinkedTest : public FleetTest, public testing::WithParamInterface<const char*> {};

// The former one answers until the next one does, on the same socket.
TEST_P(UnlinkedTest, it_serves_until_its_successor_does) {
    use_keeper();
    write("shop", GetParam());
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    const ino_t socket = inode_of(socket_of("shop"));
    die();
    start();
    // Asked all the time; each answer is of one of the two.
    bool is_replaced = false;
    const std::string old = "1 " + std::to_string(master) + "\n";
    EXPECT_TRUE(run_until([&] {
        const std::string answer = ask("shop");
        EXPECT_TRUE(answer == old || answer.starts_with("2 ")) << answer;
        is_replaced = answer.starts_with("2 ");
        return is_replaced && view("shop").instances.size() == 1;
    }));
    EXPECT_TRUE(is_replaced);
    EXPECT_FALSE(is_alive(master));
    EXPECT_EQ(inode_of(socket_of("shop")), socket);
    EXPECT_TRUE(operate("shop", Operation::reload).ok);
    EXPECT_EQ(ask("shop").substr(0, 2), "3 ");
}

INSTANTIATE_TEST_SUITE_P(Reasons, UnlinkedTest,
                         testing::Values("other_version", "silent_rendezvous", "deputy", "small_scoreboard"));

TEST_F(FleetTest, a_master_of_another_version_is_stopped_and_removed_like_any_other) {
    use_keeper();
    write("shop", "other_version");
    write("till", "other_version");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop") && is_running("till"); }));
    const pid_t shop = master_of("shop"), till = master_of("till");
    die();
    std::filesystem::remove(root / "apps/shop.yaml");
    start();
    EXPECT_TRUE(run_until([&] { return !is_alive(shop) && !fleet->view("shop"); }));
    EXPECT_TRUE(stop());
    EXPECT_FALSE(is_alive(till));
    EXPECT_FALSE(exists(socket_of("till")));
}

TEST_F(FleetTest, a_master_that_no_signal_suspends_is_no_standby_of_an_observed_successor) {
    use_keeper();
    write("shop", "other_version", "rollout: {observe: 10m}\n");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    die();
    start();
    EXPECT_TRUE(run_until([&] { return is_running("shop") && view("shop").status.active == 2 && !is_alive(master); }));
    EXPECT_EQ(view("shop").instances.size(), 1u);
}

TEST_F(FleetTest, a_successor_that_fails_leaves_the_master_of_another_version_in_service) {
    use_keeper();
    write("shop", "other_version");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    die();
    write("shop", "fail_import");
    start();
    ASSERT_TRUE(run_until([&] { return view("shop").status.last_reload.starts_with("failed"); }));
    EXPECT_TRUE(is_running("shop"));
    EXPECT_EQ(ask("shop"), "1 " + std::to_string(master) + "\n");
    EXPECT_TRUE(run_until([&] { return view("shop").instances.size() == 1; })) << "the successor's end is told after its failure";
}

TEST_F(FleetTest, a_damaged_record_is_left_alone_until_it_is_gone) {
    use_keeper();
    write("shop", "ok");
    write("till", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop") && is_running("till"); }));
    const pid_t shop = master_of("shop"), till = master_of("till");
    die();
    const auto record = root / "run/vassals/shop/record.json";
    std::ofstream(record) << "{\"version\": 1, \"instances\": [{]}";
    start();
    ASSERT_TRUE(run_until([&] { return is_in("shop", DisplayState::invalid) && is_running("till"); }));
    EXPECT_EQ(master_of("till"), till);
    EXPECT_EQ(ask("shop"), "1 " + std::to_string(shop) + "\n") << "it serves on";
    EXPECT_NE(view("shop").diagnostics.front().message.find(record.string()), std::string::npos);
    EXPECT_TRUE(exists(record));
    ::kill(shop, SIGKILL);
    std::filesystem::remove_all(record.parent_path());
    EXPECT_TRUE(run_until([&] { return is_running("shop"); }));
    EXPECT_NE(master_of("shop"), shop);
}

TEST_F(FleetTest, a_record_that_was_copied_under_another_name_ends_no_master) {
    use_keeper();
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    die();
    const auto copy = root / "run/vassals/till";
    std::filesystem::create_directory(copy);
    std::filesystem::permissions(copy, std::filesystem::perms::owner_all);
    std::filesystem::copy_file(root / "run/vassals/shop/record.json", copy / "record.json");
    write("till", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop") && is_in("till", DisplayState::invalid); }));
    EXPECT_EQ(master_of("shop"), master);
    EXPECT_NE(view("till").diagnostics.front().message.find("the record of 'shop'"), std::string::npos);
    EXPECT_TRUE(exists(copy / "record.json"));
}

TEST_F(FleetTest, a_master_that_runs_another_vassal_than_its_record_says_is_left_alone) {
    use_keeper();
    write("shop", "other_name");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    die();
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    EXPECT_NE(master_of("shop"), master);
    EXPECT_TRUE(is_alive(master));
    ::kill(master, SIGKILL);
}

TEST_F(FleetTest, restarts_reloads_and_the_time_of_the_state_outlive_the_emperor) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    ASSERT_TRUE(operate("shop", Operation::reload).ok);
    ::kill(master_of("shop"), SIGKILL);
    ASSERT_TRUE(run_until([&] { return view("shop").restarts == 1 && is_running("shop"); }));
    const VassalView before = view("shop");
    die();
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const VassalView after = view("shop");
    EXPECT_EQ(after.restarts, 1u);
    EXPECT_EQ(after.reloads, 1u);
    EXPECT_EQ(after.since_us, before.since_us);
    EXPECT_TRUE(stop());
    EXPECT_FALSE(exists(root / "run/vassals/shop")) << "a clean end leaves nothing";
}

}  // namespace
}  // namespace emperor::fleet
