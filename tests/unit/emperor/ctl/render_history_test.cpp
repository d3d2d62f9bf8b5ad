// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/render_history.h"

#include <gtest/gtest.h>

#include "emperor/ctl/render_log.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {
namespace {

constexpr std::int64_t now_us = 1'700'000'100'000'000;

TEST(Event, is_one_line_and_its_detail_below) {
    const Json event = {{"app", "shop"}, {"time_us", now_us}, {"generation", 3}, {"event", "worker_exited"},
                        {"text", "worker 1 (pid 9): exit code 3\x1b[2J"}, {"detail", "Traceback\n  File x\n"}};
    EXPECT_EQ(render_event(event, {}),
              time_text(now_us) + " shop worker exited: worker 1 (pid 9): exit code 3\\x1b[2J (generation 3)\n"
                                  "    Traceback\n      File x\n");
    EXPECT_NO_THROW((void)render_event({{"app", 5}}, {}));
}

TEST(LogLine, is_made_harmless_wherever_it_goes) {
    EXPECT_EQ(render_log_line("shop", {{"time_us", now_us}, {"worker", 2}, {"text", "a\tb\r\x1b[2J"}}),
              time_text(now_us) + " shop[2] | a\tb\\r\\x1b[2J\n");
}

TEST(Why, shows_the_state_the_causes_and_what_comes_next) {
    const Json why = {{"app", "shop"},
                      {"state", "backoff"},
                      {"since_us", now_us - 12'000'000},
                      {"reason", "exit code 13"},
                      {"retry_at_us", now_us + 3'000'000},
                      {"causes",
                       {{{"time_us", now_us}, {"generation", 0}, {"event", "requested"},
                         {"text", "operator root (pid 7): reload"}},
                        {{"time_us", now_us}, {"last_us", now_us + 1'000'000}, {"count", 14}, {"generation", 2},
                         {"event", "crashed"}, {"text", "exit code 13"}, {"detail", "NameError: x\n"}}}},
                      {"log", {{{"time_us", now_us}, {"worker", 1}, {"text", "hello"}}}}};
    const std::string at = time_text(now_us);
    EXPECT_EQ(render_why(why, {}, now_us),
              "shop is backoff for 12 s: exit code 13\n"
              "  " + at + "  requested: operator root (pid 7): reload\n"
              "  " + at + "  crashed: exit code 13 (generation 2) - 14 times, last " + time_text(now_us + 1'000'000) + "\n"
              "      | NameError: x\n"
              "last log lines\n  " + at + " shop[1] | hello\n"
              "next attempt in 3 s; a change of its file or `emperorctl start shop` tries at once\n");
}

TEST(Why, of_an_app_that_runs_gives_no_advice) {
    EXPECT_EQ(render_why({{"app", "shop"}, {"state", "running"}}, {}, now_us),
              "shop is running\n  nothing is recorded about it\n");
    const std::string kept =
        render_why({{"app", "shop"}, {"state", "running"}, {"last_reload", "failed: no module"}}, {}, now_us);
    EXPECT_NE(kept.find("the former generation serves"), std::string::npos) << kept;
}

}  // namespace
}  // namespace emperor::ctl
