// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/agent_line.h"

#include <gtest/gtest.h>

#include <string>

namespace emperor::stats {
namespace {

using supervise::DisplayState;

TEST(AgentLine, every_state_has_its_words) {
    struct Row {
        AgentSubject subject;
        const char* line;
    };
    const Row rows[] = {
        {{.state = DisplayState::running, .is_serving = true, .weight = 73}, "up ready 73%\n"},
        {{.state = DisplayState::reloading, .reason = "import", .is_serving = true, .weight = 100}, "up ready 100%\n"},
        {{.state = DisplayState::observing, .is_serving = true, .weight = 5}, "up ready 5%\n"},
        {{.state = DisplayState::rolled_back, .reason = "errors", .is_serving = true, .weight = 60}, "up ready 60%\n"},
        {{.state = DisplayState::invalid, .reason = "shop.yaml:3", .is_serving = true, .weight = 60}, "up ready 60%\n"},
        {{.state = DisplayState::running, .is_serving = true, .weight = 0}, "up ready 1%\n"},
        {{.state = DisplayState::running, .is_serving = true, .weight = 250}, "up ready 100%\n"},
        {{.state = DisplayState::sleeping, .reason = "waits for a connection", .is_asleep = true}, "up ready 100%\n"},
        {{.state = DisplayState::invalid, .reason = "shop.yaml:3", .is_asleep = true}, "up ready 100%\n"},
        {{.state = DisplayState::stopping, .reason = "stopped by operator root"}, "drain\n"},
        {{.state = DisplayState::running, .is_serving = true, .is_shutting_down = true, .weight = 90}, "drain\n"},
        {{.state = DisplayState::sleeping, .is_asleep = true, .is_shutting_down = true}, "drain\n"},
        {{.state = DisplayState::stopped, .is_shutting_down = true}, "drain\n"},
        {{.state = DisplayState::starting, .reason = "import"}, "down #starting: import\n"},
        {{.state = DisplayState::stopped, .reason = "stopped by operator root"}, "down #stopped: stopped by operator root\n"},
        {{.state = DisplayState::backoff, .reason = "exit code 1", .weight = 50}, "down #backoff: exit code 1\n"},
        {{.state = DisplayState::failed}, "down #failed\n"},
        {{.state = DisplayState::invalid, .reason = "shop.yaml:3:1: error: unknown key"},
         "down #invalid: shop.yaml:3:1: error: unknown key\n"},
        {{.state = DisplayState::running}, "down #running\n"},
    };
    for (const Row& row : rows) EXPECT_EQ(agent_line(row.subject), row.line);
}

TEST(AgentLine, a_reason_is_one_line_of_printable_ascii) {
    EXPECT_EQ(agent_down("boom\nup ready 100%\r\n"), "down #boom up ready 100%\n");
    EXPECT_EQ(agent_down("a\t\tb \x1b[31m c\xc3\xa9"), "down #a b ?[31m c??\n");
    EXPECT_EQ(agent_down(std::string("a\0b", 3)), "down #a?b\n");
    EXPECT_EQ(agent_down(""), "down #\n");
    EXPECT_EQ(agent_down(std::string(10'000, 'x')).size(), max_agent_reason + 7);
}

TEST(AgentLine, a_name_ends_at_a_line_end_or_a_semicolon) {
    for (const char* sent : {"shop\n", "shop\r\n", "shop;", "  shop \t;blog\n", "shop", "shop\nblog\n"}) {
        EXPECT_EQ(agent_name_in(sent), "shop") << sent;
        EXPECT_EQ(is_agent_name_complete(sent), std::string_view(sent) != "shop") << sent;
    }
    for (const char* sent : {"", "\n", ";", "  \n", "\r\nshop\n"}) EXPECT_EQ(agent_name_in(sent), "") << sent;
}

}  // namespace
}  // namespace emperor::stats
