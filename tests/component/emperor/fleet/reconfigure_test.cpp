// SPDX-License-Identifier: Apache-2.0
// Edits that need no new generation.
#include <algorithm>

#include "tests/component/emperor/fleet/fleet_fixture.h"

namespace emperor::fleet {
namespace {

struct ReconfigureTest : FleetTest {
    void serve(const std::string& script, const std::string& more = "") {
        write("shop", script, more);
        start();
        ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    }
    [[nodiscard]] int workers() const { return view("shop").effective->config.workers; }
    [[nodiscard]] std::string last_event() const {
        const auto history = view("shop").history;
        return history.empty() ? "" : history.back().event + ": " + history.back().text;
    }
};

TEST_F(ReconfigureTest, a_live_edit_is_taken_by_the_master_that_runs) {
    serve("ok");
    const pid_t master = master_of("shop");
    write("shop", "ok", "workers: 3\n");
    ASSERT_TRUE(run_until([&] { return workers() == 3 && is_running("shop"); }));
    EXPECT_EQ(master_of("shop"), master);
    EXPECT_EQ(view("shop").status.active, 1u);
    EXPECT_EQ(view("shop").status.last_reload, "applied in place");
    EXPECT_EQ(last_event(), "reconfigured: applied in place: workers");
    EXPECT_EQ(view("shop").reloads, 0u);
    EXPECT_FALSE(view("shop").effective->origins.empty());
}

TEST_F(ReconfigureTest, an_older_master_gets_a_rollout_instead) {
    serve("older");
    write("shop", "older", "workers: 3\n");
    ASSERT_TRUE(run_until([&] { return view("shop").status.active == 2 && view("shop").instances.size() == 1; }));
    EXPECT_EQ(workers(), 3);
}

TEST_F(ReconfigureTest, a_master_that_refuses_gets_a_rollout_instead) {
    serve("refuse");
    write("shop", "refuse", "workers: 3\n");
    ASSERT_TRUE(run_until([&] { return view("shop").status.active == 2 && view("shop").instances.size() == 1; }));
    EXPECT_EQ(workers(), 3);
    EXPECT_TRUE(std::ranges::any_of(view("shop").history, [](const HistoryEntry& entry) {
        return entry.text.find("not in place: it does not want to") != std::string::npos;
    }));
}

TEST_F(ReconfigureTest, the_next_emperor_knows_what_was_applied) {
    serve("ok");
    const pid_t master = master_of("shop");
    write("shop", "ok", "workers: 3\n");
    ASSERT_TRUE(run_until([&] { return workers() == 3; }));
    die();
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop") && !view("shop").effective->origins.empty(); }));
    EXPECT_EQ(master_of("shop"), master) << "no touch, no edit";
    EXPECT_EQ(workers(), 3);
    write("shop", "ok", "workers: 4\n");
    ASSERT_TRUE(run_until([&] { return workers() == 4; }));
    EXPECT_EQ(master_of("shop"), master) << "an adopted one is asked too";
}

TEST_F(ReconfigureTest, a_live_edit_while_the_socket_file_is_gone_is_a_rollout) {
    serve("ok");
    std::filesystem::remove(socket_of("shop"));
    write("shop", "ok", "workers: 3\n");
    ASSERT_TRUE(run_until([&] { return view("shop").status.active >= 2 && view("shop").instances.size() == 1; }));
    EXPECT_EQ(ask("shop").substr(0, 2), std::to_string(view("shop").status.active) + " ");
}

TEST_F(ReconfigureTest, a_crash_after_it_starts_what_was_applied) {
    serve("ok");
    write("shop", "ok", "timeouts: {drain: 1s}\n");
    ASSERT_TRUE(run_until([&] { return view("shop").status.last_reload == "applied in place"; }));
    ::kill(master_of("shop"), SIGKILL);
    ASSERT_TRUE(run_until([&] { return is_running("shop") && view("shop").status.active == 2; }));
    EXPECT_EQ(view("shop").effective->config.timeouts.drain, std::chrono::seconds(1));
}

}  // namespace
}  // namespace emperor::fleet
