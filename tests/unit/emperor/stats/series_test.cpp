// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/series.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "emperor/stats/rows.h"
#include "tests/unit/emperor/control/fake_fleet.h"

namespace emperor::stats {
namespace {

using Json = nlohmann::json;
constexpr std::int64_t second = 1'000'000, start = 1'700'000'000 * second;

struct StatsSeries : ::testing::Test {
    Series series;
    VassalFacts facts;
    std::int64_t now = start;

    // So many requests in so many seconds, and the point after them.
    void pass(std::int64_t requests, std::int64_t seconds = 5) {
        now += seconds * second;
        facts.figures.requests += requests;
        series.add(facts, now);
    }
};

TEST_F(StatsSeries, the_first_look_gives_no_point_and_each_other_one_rates_since_the_one_before) {
    pass(100);
    EXPECT_EQ(series.newest(), nullptr);
    facts.figures.status_classes[4] = 5;
    facts.processes.cpu_us = second;
    facts.service.window[DurationFacts::last_10_s] = {.count = 50, .p50_us = 1, .p90_us = 2, .p95_us = 3, .p99_us = 4};
    pass(50);
    const Point& point = *series.newest();
    EXPECT_DOUBLE_EQ(point.requests_per_s, 10);
    EXPECT_DOUBLE_EQ(point.failures_per_s, 1);
    EXPECT_DOUBLE_EQ(point.cpu_percent, 20);
    EXPECT_EQ(point.p95_us, 3u);
    pass(30, 15);
    EXPECT_DOUBLE_EQ(series.newest()->requests_per_s, 2);
}

TEST_F(StatsSeries, points_older_than_fifteen_minutes_go_and_their_number_is_bounded) {
    for (int point = 0; point < 1000; ++point) pass(1);
    EXPECT_EQ(series.points().size(), Series::most);
    EXPECT_GE(series.points().front().time_us, now - 900 * second);
    pass(1, 800);
    EXPECT_GE(series.points().front().time_us, now - 900 * second);
    EXPECT_LT(series.points().size(), 30u);
}

TEST_F(StatsSeries, a_counter_or_a_clock_that_went_back_begins_anew) {
    pass(10);
    pass(10);
    pass(-15);
    EXPECT_EQ(series.newest(), nullptr);
    pass(10);
    EXPECT_DOUBLE_EQ(series.newest()->requests_per_s, 2);
    pass(10, -100);
    EXPECT_EQ(series.newest(), nullptr);
}

TEST_F(StatsSeries, the_document_has_one_array_per_figure_and_null_where_there_was_no_request) {
    for (int point = 0; point < 3; ++point) pass(10);
    const Json document = Json::parse(series_document("shop", &series));
    for (const char* figure : {"time_ms", "requests_per_s", "failures_per_s", "p50_us", "p95_us", "p99_us", "queue",
                               "busy", "serving", "cpu_percent", "pss"})
        EXPECT_EQ(document[figure].size(), 2u) << figure;
    EXPECT_EQ(document["requests_per_s"][0], 2.0);
    EXPECT_TRUE(document["p99_us"][0].is_null());
    EXPECT_TRUE(Json::parse(series_document("shop", nullptr))["time_ms"].empty());
    EXPECT_EQ(Json::parse(rates_document(std::array{NamedSeries{"shop", series}}))["rates"]["shop"], Json({2.0, 2.0}));
}

TEST_F(StatsSeries, a_row_says_how_the_vassal_is_and_a_document_of_rows_who_there_is) {
    testing::FakeFleet fleet;
    auto& shop = fleet.add("shop");
    shop.view.status.reason = "<b>\n";
    shop.view.restarts = 2;
    facts.figures.crashes = 3;
    pass(10);
    pass(10);
    const std::string row = row_of({*fleet.view("shop"), facts, {}}, &series);
    const Json read = Json::parse(row);
    EXPECT_EQ(read["name"], "shop");
    EXPECT_EQ(read["reason"], "<b>\n");
    EXPECT_EQ(read["restarts"], 5);
    EXPECT_EQ(read["requests_per_s"], 2.0);
    EXPECT_TRUE(read["p50_us"].is_null());
    const std::vector<std::string> names = {"shop"};
    const std::array<const std::string*, 1> rows = {&row};
    const Json whole = Json::parse(rows_document({9, 0, &names, start}, rows, fleet.self()));
    EXPECT_EQ(whole["names"], Json({"shop"}));
    EXPECT_EQ(whole["rows"][0], read);
    EXPECT_FALSE(Json::parse(rows_document({9, 8, nullptr, start}, {}, fleet.self())).contains("names"));
}

}  // namespace
}  // namespace emperor::stats
