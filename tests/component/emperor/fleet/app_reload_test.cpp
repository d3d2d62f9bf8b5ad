// SPDX-License-Identifier: Apache-2.0
// Reloads that the app itself asks for.
#include <algorithm>

#include "tests/component/emperor/fleet/fleet_fixture.h"

namespace emperor::fleet {

namespace {

using namespace std::chrono_literals;

constexpr const char* cause = "requested by the app: new prices (worker 2)";

bool has(const VassalView& view, const std::string& event, const std::string& text) {
    return std::ranges::any_of(view.history, [&](const HistoryEntry& entry) {
        return entry.event == event && entry.text.find(text) != std::string::npos;
    });
}

bool is_settled(const VassalView& view, supervise::Generation active) {
    return view.status.state == supervise::DisplayState::running && view.status.active == active &&
           view.instances.size() == 1;
}

}  // namespace

TEST_F(FleetTest, an_app_that_asks_without_end_is_reloaded_now_and_then) {
    options.app_reload_spacing = 1s;
    write("shop", "reload_storm");
    start();
    ASSERT_TRUE(run_until([&] { return is_settled(view("shop"), 4); }));
    std::vector<std::int64_t> times;
    for (const HistoryEntry& entry : view("shop").history) {
        if (entry.event != "reloading") continue;
        EXPECT_NE(entry.text.find(cause), std::string::npos) << "the cause is recorded: " << entry.text;
        times.push_back(entry.time_us);
    }
    ASSERT_EQ(times.size(), 3u);
    for (std::size_t i = 1; i < times.size(); ++i)
        EXPECT_GE(times[i] - times[i - 1], 900'000) << "after " << i;  // of a wall clock
    EXPECT_EQ(view("shop").restarts, 0u);
}

TEST_F(FleetTest, an_operators_reload_is_not_overtaken_by_an_app_that_asks_without_end) {
    write("shop", "reload_storm");
    start();
    ASSERT_TRUE(run_until([&] { return is_settled(view("shop"), 2); }));
    std::optional<Outcome> outcome;
    fleet->request("shop", supervise::Operation::reload, {0, 1, "root"}, [&](const Outcome& done) { outcome = done; });
    ASSERT_TRUE(run_until([&] { return outcome.has_value(); }));
    EXPECT_TRUE(outcome->ok) << outcome->failure.reason;
    EXPECT_EQ(view("shop").status.active, 3u);
}

TEST_F(FleetTest, a_generation_on_its_way_out_has_no_say) {
    write("shop", "late_reload_wish");
    start();
    ASSERT_TRUE(run_until([&] { return is_running("shop"); }));
    write("shop", "ok");
    ASSERT_TRUE(run_until([&] { return is_settled(view("shop"), 2); }));
    EXPECT_FALSE(run_until([&] { return view("shop").status.active > 2; }, 500ms));
    EXPECT_FALSE(has(view("shop"), "reloading", "too late"));
}

}  // namespace emperor::fleet
