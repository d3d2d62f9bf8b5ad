// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/watch_page.h"

#include <gtest/gtest.h>

#include "emperor/ctl/text.h"

namespace emperor::ctl {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t now = 1'795'354'805 * second;

Json app(const std::string& name, int busy = 0, int queue = 0, std::int64_t requests = 0, std::int64_t age_us = 0) {
    Json json = {{"name", name},
                 {"state", "running"},
                 {"is_serving", true},
                 {"started_us", now - 90 * second},
                 {"workers", {{"configured", 4}, {"serving", 4}, {"busy", busy}}},
                 {"listeners", {{{"queue", queue}, {"queue_limit", 100}}}},
                 {"in_flight", Json::array()},
                 {"requests", requests},
                 {"resident_memory", 50'000'000},
                 {"restarts", 1}};
    if (age_us > 0) json["in_flight"].push_back({{"request", "GET /slow\x1b[2J"}, {"age_us", age_us}});
    return json;
}

std::string order_of(const WatchPage& page) {
    std::string order;
    const auto lines = page.lines({140, 50}, false);
    for (std::size_t at = 2; at + 1 < lines.size(); ++at) order += lines[at].substr(0, lines[at].find(' ')) + " ";
    return order;
}

struct WatchPageTest : ::testing::Test {
    WatchPage page{Column::name};
    void SetUp() override {
        page.take({{"apps", {app("app10", 1, 7, 100), app("app2", 3, 0, 500, 12 * second), app("zoo", 0, 2, 0)}}}, now);
        page.take({{"apps", {app("app10", 1, 7, 300), app("app2", 3, 0, 520, 12 * second), app("zoo", 0, 2, 0)}}},
                  now + 2 * second);
    }
};

TEST_F(WatchPageTest, shows_busy_workers_queue_rate_and_requests_with_their_age) {
    const auto lines = page.lines({140, 50}, false);
    EXPECT_NE(lines[0].find("3/3 apps running, 4/12 busy, 9 waiting, 110 req/s"), std::string::npos) << lines[0];
    EXPECT_EQ(lines[1].substr(0, 4), "APPv");
    const std::string& line = lines[2];
    EXPECT_EQ(line.substr(0, 4), "app2");
    for (const char* part : {"running", "3/4", "10", "12 s", "GET /slow\\x1b[2J 12 s +2"})
        EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
}

TEST_F(WatchPageTest, a_request_in_flight_stands_before_what_is_always_so) {
    Json busy = app("shop", 1, 0, 0, 3 * second);
    busy["last_reload"] = "failed: import: NameError: name 'undefined_name' is not defined";
    page.take({{"apps", {busy}}}, now);
    const std::string line = page.lines({80, 24}, false)[2];
    EXPECT_NE(line.find("GET /slow\\x1b[2J 3 s"), std::string::npos) << line;
    EXPECT_NE(page.plain().find(" 3 s; "), std::string::npos) << page.plain();
}

TEST_F(WatchPageTest, sorts_by_column_and_key_and_turns_round) {
    const std::tuple<const char*, Column, const char*> table[] = {
        {"n", Column::name, "app2 app10 zoo "},  {"b", Column::busy, "app2 app10 zoo "}, {"w", Column::queue, "app10 zoo app2 "},
        {"r", Column::rate, "app10 app2 zoo "}, {"a", Column::age, "app2 app10 zoo "}};
    for (const auto& [key, column, order] : table) {
        EXPECT_TRUE(page.type(key, {140, 50}));
        EXPECT_EQ(page.sort(), column);
        EXPECT_EQ(order_of(page), order) << key;
    }
    EXPECT_TRUE(page.type("wR", {140, 50}));
    EXPECT_EQ(order_of(page), "app2 zoo app10 ");
    EXPECT_TRUE(page.type("n>", {140, 50}));
    EXPECT_EQ(page.sort(), Column::state);
    EXPECT_TRUE(page.type("\x1b[D<", {140, 50}));
    EXPECT_EQ(page.sort(), Column::uptime);
    EXPECT_TRUE(page.type("\x1b[15~?", {140, 50}));
    EXPECT_FALSE(page.type("q", {140, 50}));
}

TEST_F(WatchPageTest, no_line_is_wider_and_no_page_higher_than_the_terminal) {
    Json apps = Json::array();
    for (int number = 0; number < 60; ++number)
        apps.push_back(app("a-rather-long-name-of-an-app-" + std::to_string(number), 4, 1, 1, 3 * second));
    page.take({{"apps", apps}}, now + 4 * second);
    for (const std::size_t width : {20u, 40u, 80u, 140u}) {
        for (const std::size_t height : {1u, 2u, 5u, 24u}) {
            const auto lines = page.lines({width, height}, false);
            EXPECT_LE(lines.size(), height);
            for (const std::string& line : lines) EXPECT_LE(display_width(line), width) << line;
        }
    }
}

TEST_F(WatchPageTest, scrolls_as_far_as_there_are_rows) {
    Json apps = Json::array();
    for (int number = 0; number < 60; ++number) apps.push_back(app("app" + std::to_string(number)));
    page.take({{"apps", apps}}, now + 4 * second);
    const PageSize size{80, 13};
    const auto first = [&] { return page.lines(size, false)[2].substr(0, 5); };
    EXPECT_EQ(first(), "app0 ");
    EXPECT_TRUE(page.type("\x1b[B", size));
    EXPECT_EQ(first(), "app1 ");
    EXPECT_TRUE(page.type("\x1b[6~", size));
    EXPECT_EQ(first(), "app11");
    EXPECT_TRUE(page.type(std::string(100, 'j'), size));
    EXPECT_EQ(first(), "app50");
    EXPECT_NE(page.lines(size, false).back().find("51-60 of 60"), std::string::npos);
    EXPECT_TRUE(page.type("\x1b[5~\x1b[5~\x1b[5~\x1b[5~\x1b[5~\x1b[5~", size));
    EXPECT_EQ(first(), "app0 ");
}

TEST_F(WatchPageTest, says_when_the_emperor_does_not_answer_and_keeps_what_it_knew) {
    page.fail("no emperor answers on /run/x: Connection refused\nstart one");
    const auto lines = page.lines({140, 50}, false);
    EXPECT_EQ(lines[0], "no emperor answers on /run/x: Connection refused\\nstart one");
    EXPECT_EQ(lines[2].substr(0, 4), "app2");
    page.take({{"apps", Json::array()}}, now);
    EXPECT_NE(page.lines({140, 50}, false)[0].find("0/0 apps running"), std::string::npos);
}

TEST_F(WatchPageTest, words_of_columns_are_known) {
    for (const std::string& name : column_names()) EXPECT_TRUE(column_of(name)) << name;
    EXPECT_EQ(column_of("colour"), std::nullopt);
}

}  // namespace
}  // namespace emperor::ctl
