// SPDX-License-Identifier: Apache-2.0
// On demand, with the scripted vassal: who looks at the listeners, and when.
#include "tests/component/emperor/fleet/fleet_fixture.h"

namespace emperor::fleet {
namespace {

using supervise::DisplayState;
using supervise::Operation;

struct SleepTest : FleetTest {
    void sleep(const std::string& name, const std::string& script = "ok", const std::string& more = "") {
        write(name, script, "on_demand: true\n" + more);
        fleet->rescan();
        ASSERT_TRUE(run_until([&] { return is_in(name, DisplayState::sleeping); }));
    }
};

TEST_F(SleepTest, a_client_wakes_it_and_is_served) {
    start();
    sleep("shop");
    EXPECT_TRUE(view("shop").instances.empty());
    EXPECT_TRUE(ask("shop").starts_with("1 "));
    EXPECT_TRUE(run_until([&] { return is_running("shop"); }));
}

TEST_F(SleepTest, an_edit_of_its_addresses_moves_the_watch) {
    start();
    sleep("shop", "ok", "listen: [\"uwsgi:" + (root / "first.sock").string() + "\"]\n");
    sleep("shop", "ok", "listen: [\"uwsgi:" + (root / "second.sock").string() + "\"]\n");
    ASSERT_TRUE(run_until([&] { return exists(root / "second.sock"); }));
    EXPECT_TRUE(run_until([&] { return !exists(root / "first.sock"); }));
    const auto client = connect_to((root / "second.sock").string());
    EXPECT_TRUE(answer_on(client).starts_with("1 "));
}

TEST_F(SleepTest, reload_of_a_sleeping_one_says_so_and_start_wakes_it) {
    start();
    sleep("shop");
    const Outcome reloaded = operate("shop", Operation::reload);
    EXPECT_TRUE(reloaded.ok);
    EXPECT_NE(reloaded.note.find("asleep"), std::string::npos);
    EXPECT_TRUE(is_in("shop", DisplayState::sleeping));
    EXPECT_TRUE(operate("shop", Operation::start).ok);
    EXPECT_TRUE(is_running("shop"));
}

TEST_F(SleepTest, without_a_request_it_goes_back_to_sleep_and_wakes_again) {
    start();
    sleep("shop", "ok", "timeouts: {idle: 1s}\n");
    EXPECT_TRUE(ask("shop").starts_with("1 "));
    ASSERT_TRUE(run_until([&] { return is_in("shop", DisplayState::sleeping) && view("shop").instances.empty(); }));
    EXPECT_TRUE(ask("shop").starts_with("2 "));
}

TEST_F(SleepTest, a_stop_of_the_emperor_closes_what_sleeps) {
    start();
    sleep("shop");
    EXPECT_TRUE(exists(socket_of("shop")));
    ASSERT_TRUE(stop());
    EXPECT_FALSE(exists(socket_of("shop")));
}

}  // namespace
}  // namespace emperor::fleet
