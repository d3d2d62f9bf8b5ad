// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include "tests/component/emperor/fleet/fleet_fixture.h"

namespace emperor::fleet {
namespace {

using supervise::DisplayState;
using supervise::Operation;

TEST_F(FleetTest, a_file_becomes_a_serving_vassal) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    EXPECT_EQ(ask("shop"), "1 " + std::to_string(master_of("shop")) + "\n");
    EXPECT_EQ(view("shop").instances.at(0).state, "serving");
    EXPECT_NE(view("shop").board, nullptr);
}

TEST_F(FleetTest, a_file_that_appears_later_is_started) {
    start();
    write("late", "ok");
    ASSERT_TRUE(run_until([&] { return is_running("late"); }));
}

TEST_F(FleetTest, an_edit_replaces_the_generation_on_the_same_socket) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t first = master_of("shop");
    const ino_t socket = inode_of(socket_of("shop"));
    write("shop", "ok", "env: {A: b}\n");
    ASSERT_TRUE(run_until(
        [&] { return is_running("shop") && view("shop").status.active == 2 && view("shop").instances.size() == 1; }));
    EXPECT_EQ(inode_of(socket_of("shop")), socket);
    EXPECT_FALSE(is_alive(first));
    EXPECT_EQ(ask("shop").substr(0, 2), "2 ");
    EXPECT_EQ(view("shop").reloads, 1u);
}

TEST_F(FleetTest, a_successor_that_fails_leaves_the_old_one_serving) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    write("shop", "fail_import");
    ASSERT_TRUE(run_until(
        [&] { return view("shop").status.last_reload_failure.has_value() && view("shop").instances.size() == 1; }));
    const auto failure = *view("shop").status.last_reload_failure;
    EXPECT_EQ(failure.step, "import");
    EXPECT_EQ(failure.reason, "no module named shop");
    EXPECT_EQ(failure.detail, "Traceback: ...");
    EXPECT_EQ(ask("shop").substr(0, 2), "1 ");
}

TEST_F(FleetTest, a_successor_that_never_gets_ready_is_given_up_after_its_start_timeout) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    write("shop", "never_ready", "timeouts: {start: 1s}\n");
    ASSERT_TRUE(run_until(
        [&] { return view("shop").status.last_reload_failure.has_value() && view("shop").instances.size() == 1; }));
    EXPECT_EQ(ask("shop").substr(0, 2), "1 ");
}

TEST_F(FleetTest, an_invalid_edit_keeps_what_runs_and_shows_why) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    write_text("shop", "app: fake:ok\nproceses: 4\n");
    ASSERT_TRUE(run_until([&] { return is_in("shop", DisplayState::invalid); }));
    EXPECT_TRUE(is_alive(master));
    ASSERT_FALSE(view("shop").diagnostics.empty());
    EXPECT_NE(view("shop").diagnostics[0].message.find("unknown key 'proceses'"), std::string::npos);
    EXPECT_EQ(ask("shop").substr(0, 2), "1 ");
    write("shop", "ok");
    EXPECT_TRUE(run_until([&] { return is_running("shop"); }));
}

TEST_F(FleetTest, an_address_in_use_makes_it_invalid_at_its_position) {
    const common::UniqueFd other(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const std::string path = (root / "taken.sock").string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(other.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(other.get(), 1), 0);
    write("shop", "ok", "listen: uwsgi:" + path + "\n");
    start();
    ASSERT_TRUE(run_until([&] { return is_in("shop", DisplayState::invalid); }));
    EXPECT_NE(view("shop").diagnostics.at(0).message.find("Address already in use"), std::string::npos);
    EXPECT_EQ(view("shop").diagnostics.at(0).position.line, 2);
}

TEST_F(FleetTest, a_killed_master_is_replaced_while_clients_wait) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t first = master_of("shop");
    ::kill(first, SIGSTOP);  // so that the client certainly meets the queue
    const auto client = connect_to(socket_of("shop"));
    ASSERT_TRUE(client);
    ::kill(first, SIGKILL);
    EXPECT_EQ(answer_on(client).substr(0, 2), "2 ");
    EXPECT_EQ(view("shop").restarts, 1u);
}

TEST_F(FleetTest, repeated_crashes_end_in_backoff_and_an_edit_ends_the_backoff) {
    write("shop", "exit_3", "restart: {initial: 20s, max: 60s}\n");
    start();
    ASSERT_TRUE(run_until([&] { return is_in("shop", DisplayState::backoff); }));
    EXPECT_TRUE(view("shop").retry_at_us.has_value());
    EXPECT_NE(view("shop").status.reason.find("exit code 3"), std::string::npos) << view("shop").status.reason;
    write("shop", "ok");
    EXPECT_TRUE(run_until([&] { return is_running("shop"); }));
}

TEST_F(FleetTest, a_removed_file_ends_the_vassal_and_its_files) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    std::filesystem::remove(root / "apps/shop.yaml");
    ASSERT_TRUE(run_until([&] { return fleet->names().empty(); }));
    EXPECT_FALSE(is_alive(master));
    EXPECT_FALSE(exists(socket_of("shop")));
    EXPECT_FALSE(exists(root / "run/vassals/shop"));
}

TEST_F(FleetTest, shutdown_leaves_no_process_and_no_file) {
    write("one", "ok");
    write("two", "worker");
    write("three", "never_ready");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("one") && is_running("two") && !view("three").instances.empty(); }));
    const pid_t one = master_of("one"), two = master_of("two");
    EXPECT_TRUE(stop());
    EXPECT_FALSE(is_alive(one));
    EXPECT_FALSE(is_alive(two));
    EXPECT_TRUE(process::orphans_of(two).empty());
    EXPECT_TRUE(std::filesystem::is_empty(root / "run/sockets"));
    EXPECT_TRUE(std::filesystem::is_empty(root / "run/vassals"));
}

TEST_F(FleetTest, a_vassal_that_ignores_stop_is_killed_with_its_whole_group) {
    write("shop", "ignore_stop", "timeouts: {drain: 1s, kill: 1s}\n");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    const pid_t master = master_of("shop");
    EXPECT_TRUE(stop());
    EXPECT_FALSE(is_alive(master));
    EXPECT_TRUE(process::orphans_of(master).empty());
}

TEST_F(FleetTest, stop_holds_closes_the_socket_and_start_opens_it_again) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    EXPECT_TRUE(operate("shop", Operation::stop).ok);
    EXPECT_TRUE(is_in("shop", DisplayState::stopped));
    EXPECT_FALSE(exists(socket_of("shop")));
    EXPECT_TRUE(exists(root / "run/vassals/shop/held"));
    write("shop", "ok", "workers: 2\n");
    EXPECT_TRUE(operate("shop", Operation::start).ok);
    EXPECT_EQ(ask("shop").substr(0, 2), "2 ");
    EXPECT_FALSE(exists(root / "run/vassals/shop/held"));
}

TEST_F(FleetTest, a_reload_puts_a_removed_socket_file_back) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    std::filesystem::remove(socket_of("shop"));
    EXPECT_TRUE(operate("shop", Operation::reload).ok);
    EXPECT_EQ(ask("shop").substr(0, 2), "2 ");
}

TEST_F(FleetTest, a_rescan_notices_a_removed_socket_file_and_puts_it_back) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    std::filesystem::remove(socket_of("shop"));
    fleet->rescan();
    ASSERT_TRUE(run_until([&] { return view("shop").status.active == 2 && view("shop").instances.size() == 1; }));
    EXPECT_EQ(ask("shop").substr(0, 2), "2 ");
}

TEST_F(FleetTest, a_touch_after_the_socket_file_was_removed_is_no_error) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    std::filesystem::remove(socket_of("shop"));
    write("shop", "ok");
    ASSERT_TRUE(run_until([&] { return view("shop").status.active == 2; }));
    EXPECT_TRUE(view("shop").diagnostics.empty());
    EXPECT_EQ(ask("shop").substr(0, 2), "2 ");
}

TEST_F(FleetTest, an_address_goes_to_the_next_vassal_as_soon_as_it_is_free) {
    const std::string listen = "listen: uwsgi:" + (root / "shop.sock").string() + "\n";
    write("shop", "ok", listen);
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    std::filesystem::rename(root / "apps/shop.yaml", root / "apps/store.yaml");
    ASSERT_TRUE(run_until([&] { return is_in("store", DisplayState::invalid); }));
    EXPECT_TRUE(run_until([&] { return is_running("store"); }, std::chrono::milliseconds(1500)));  // not the next periodic look
}

TEST_F(FleetTest, reload_answers_with_the_outcome) {
    write("shop", "ok");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    EXPECT_TRUE(operate("shop", Operation::reload).ok);
    EXPECT_EQ(view("shop").status.active, 2u);
    EXPECT_FALSE(operate("nobody", Operation::reload).ok);
}

TEST_F(FleetTest, lines_of_the_app_reach_a_follower) {
    start();
    std::vector<std::string> lines;
    const auto subscription =
        fleet->follow_log("shop", [&](const common::link::LogRecord& record) { lines.push_back(record.text); });
    write("shop", "talk");
    ASSERT_TRUE(run_until([&] { return lines.size() == 2; }));
    EXPECT_EQ(lines[0], "hello from the app");
}

TEST_F(FleetTest, a_vanished_address_is_closed_and_a_new_one_is_open_after_the_change) {
    const std::string first = (root / "first.sock").string(), second = (root / "second.sock").string();
    write("shop", "ok", "listen: uwsgi:" + first + "\n");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    write("shop", "ok", "listen: uwsgi:" + second + "\n");
    ASSERT_TRUE(run_until([&] { return view("shop").status.active == 2 && view("shop").instances.size() == 1; }));
    EXPECT_FALSE(exists(first));
    EXPECT_TRUE(exists(second));
}

}  // namespace
}  // namespace emperor::fleet
