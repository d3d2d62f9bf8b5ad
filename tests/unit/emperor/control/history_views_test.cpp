// SPDX-License-Identifier: Apache-2.0
#include "emperor/control/history_views.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace emperor::control {
namespace {

using Json = nlohmann::ordered_json;

fleet::VassalView view_of(std::string name, std::vector<fleet::HistoryEntry> history) {
    fleet::VassalView view;
    view.name = std::move(name);
    view.history = std::move(history);
    return view;
}

std::vector<std::string> events_of(const Json& causes) {
    std::vector<std::string> events;
    for (const Json& cause : causes)
        events.push_back(cause["event"].get<std::string>() + ": " + cause["text"].get<std::string>());
    return events;
}

TEST(Events, of_all_vassals_are_merged_by_time_and_the_newest_are_taken) {
    const std::vector<fleet::VassalView> views = {
        view_of("a", {{1, "starting", 1, "new file"}, {4, "running", 1, "new file"}}),
        view_of("b", {{2, "starting", 1, "new file"}, {3, "crashed", 1, "exit code 1", "why"}})};
    const Json events = merged_events(views, 3);
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[0], (Json{{"app", "b"}, {"time_us", 2}, {"generation", 1}, {"event", "starting"}, {"text", "new file"}}));
    EXPECT_EQ(events[1]["detail"], "why");
    EXPECT_EQ(events[2]["app"], "a");
    EXPECT_TRUE(merged_events(views, 0).empty());
    EXPECT_EQ(merged_events(views, 100).size(), 4u);
}

TEST(Why, a_running_app_says_how_it_came_to_run) {
    const Json why = explanation(view_of("shop", {{1, "starting", 1, "new file"},
                                                  {2, "running", 1, "new file"},
                                                  {3, "reloading", 2, "edited"},
                                                  {4, "reload failed", 2, "import: no module"},
                                                  {5, "requested", 0, "operator root (pid 7): reload"},
                                                  {6, "reloading", 3, "operator root: reload"},
                                                  {7, "reloaded", 3, "operator root: reload"}}));
    EXPECT_EQ(events_of(why["causes"]), (std::vector<std::string>{
                                            "running: new file", "reloading: edited", "reload failed: import: no module",
                                            "requested: operator root (pid 7): reload", "reloading: operator root: reload",
                                            "reloaded: operator root: reload"}));
}

TEST(Why, a_rollback_is_told_with_the_rollout_that_it_undid) {
    const Json causes = explanation(view_of("shop", {{1, "running", 1, "new file"},
                                                     {2, "reloading", 2, "edited"},
                                                     {3, "reloaded", 2, "edited"},
                                                     {4, "observing", 2, "for 30 s"},
                                                     {5, "rolled back", 1, "7 of 50 requests failed"}}))["causes"];
    ASSERT_EQ(causes.size(), 5u);
    EXPECT_EQ(causes[4]["text"], "7 of 50 requests failed");
}

TEST(Why, an_older_story_is_over) {
    const Json why = explanation(view_of("shop", {{1, "crashed", 1, "exit code 9"},
                                                  {2, "running", 2, "x"},
                                                  {3, "stopped", 0, "y"},
                                                  {4, "running", 3, "z"}}));
    EXPECT_EQ(events_of(why["causes"]), (std::vector<std::string>{"stopped: y", "running: z"}));
}

TEST(Why, the_same_failure_again_and_again_is_one_cause_with_a_count) {
    std::vector<fleet::HistoryEntry> history = {{1, "running", 1, "new file"}};
    for (int round = 0; round < 3; ++round) {
        history.push_back({10 + round, "crashed", 2, "exit code 13", "last words " + std::to_string(round)});
        history.push_back({20 + round, "backoff", 0, "next attempt in 0.10 s: exit code 13"});
        if (round == 1) history.push_back({25, "clients get 503", 0, "it could not serve for restart.hold"});
        history.push_back({30 + round, "starting", 3, "again after: exit code 13"});
    }
    history.push_back({50, "crashed", 3, "exit code 14"});
    const Json causes = explanation(view_of("shop", history))["causes"];
    ASSERT_EQ(causes.size(), 3u) << causes;
    EXPECT_EQ(causes[1]["count"], 3);
    EXPECT_EQ(causes[1]["time_us"], 10);
    EXPECT_EQ(causes[1]["last_us"], 12);
    EXPECT_EQ(causes[1]["detail"], "last words 2");
    EXPECT_EQ(causes[2]["text"], "exit code 14");
}

TEST(Why, another_pid_is_not_another_failure_another_reason_is) {
    const Json causes = explanation(view_of("shop", {{1, "running", 1, "new file"},
                                                     {2, "worker_exited", 1, "worker 1 (pid 10): exit code 3"},
                                                     {3, "worker_exited", 1, "worker 2 (pid 11): exit code 3"},
                                                     {4, "worker_exited", 1, "worker 1 (pid 12): exit code 4"}}))["causes"];
    ASSERT_EQ(causes.size(), 3u);
    EXPECT_EQ(causes[1]["count"], 2);
    EXPECT_EQ(causes[2]["count"], 1);
}

TEST(Why, an_app_that_recovers_and_fails_again_and_again_has_one_cause_beside_what_began_it) {
    std::vector<fleet::HistoryEntry> history = {
        {1, "running", 1, "new file"}, {2, "reloading", 2, "edited"}, {3, "reloaded", 2, "edited"}};
    for (int round = 0; round < 5; ++round) {
        const std::string pid = std::to_string(100 + round);
        history.push_back({round * 10'000'000 + 4, "worker_exited", 2, "worker 1 (pid " + pid + "): exit code 3",
                           "lost the database\n"});
        history.push_back({round * 10'000'000 + 5, "degraded", 2, "exit code 3"});
        history.push_back({round * 10'000'000 + 6, "recovered", 2, ""});
    }
    const Json causes = explanation(view_of("shop", history))["causes"];
    EXPECT_EQ(events_of(causes),
              (std::vector<std::string>{"reloaded: edited", "worker_exited: worker 1 (pid 104): exit code 3",
                                        "recovered: "}));
    EXPECT_EQ(causes[1]["count"], 5);
    // What comes much later is another story.
    history.push_back({7'200'000'000, "worker_exited", 2, "worker 1 (pid 9): exit code 4"});
    EXPECT_EQ(explanation(view_of("shop", history))["causes"].size(), 3u);
}

TEST(Why, masters_that_are_started_again_by_themselves_do_not_end_the_story) {
    std::vector<fleet::HistoryEntry> history = {{1, "starting", 1, "new file"}, {2, "running", 1, "new file"}};
    for (unsigned round = 0; round < 3; ++round) {
        history.push_back({10 + round * 10, "crashed", 1 + round, "signal 9 (SIGKILL)"});
        history.push_back({11 + round * 10, "starting", 2 + round, "again after: signal 9 (SIGKILL)"});
        history.push_back({12 + round * 10, "running", 2 + round, "new file"});
    }
    const Json causes = explanation(view_of("shop", history))["causes"];
    EXPECT_EQ(events_of(causes),
              (std::vector<std::string>{"running: new file", "crashed: signal 9 (SIGKILL)", "running: new file"}));
    EXPECT_EQ(causes[1]["count"], 3);
}

TEST(Why, failures_that_take_turns_are_counted_each_until_somebody_does_something) {
    std::vector<fleet::HistoryEntry> history = {{1, "running", 1, "new file"}};
    for (int round = 0; round < 3; ++round) {
        history.push_back({10 + round, "worker_exited", 2, "worker 1 (pid 7): request timeout: GET /x after 2 s", "traceback"});
        history.push_back({20 + round, "worker_exited", 2, "worker 2 (pid 7): request timeout: GET /x after 2.1 s", "traceback"});
        history.push_back({30 + round, "queue_full", 1, std::to_string(60 + round) + " of 64 clients wait"});
        history.push_back({40 + round, "queue_normal", 1, "after 5 s"});
    }
    history.push_back({50, "requested", 0, "operator root (pid 7): restart"});
    history.push_back({51, "start failed", 3, "exit code 3"});
    const Json causes = explanation(view_of("shop", history))["causes"];
    ASSERT_EQ(causes.size(), 6u) << causes;
    EXPECT_EQ(causes[1]["count"], 6);
    EXPECT_EQ(causes[2]["text"], "62 of 64 clients wait");
    EXPECT_EQ(causes[3]["count"], 3);
    EXPECT_EQ(causes[4]["event"], "requested");
}

TEST(Why, log_lines_that_a_cause_shows_are_not_shown_twice) {
    fleet::VassalView view =
        view_of("shop", {{1, "running", 1, "new file"}, {2, "crashed", 2, "exit code 1", "Traceback\nNameError: x\n"}});
    const auto board = std::make_unique<common::scoreboard::Board>();
    for (int round = 0; round < 20; ++round)
        for (const char* text : {"hello", "Traceback", "NameError: x"}) {
            common::link::LogRecord record;
            record.text = text;
            common::scoreboard::append_log(*board, record);
        }
    view.board = board.get();
    const Json log = explanation(view)["log"];
    EXPECT_EQ(log.size(), 15u);
    for (const Json& line : log) EXPECT_EQ(line["text"], "hello");
}

TEST(Why, says_the_state_its_reason_and_when_the_next_attempt_comes) {
    fleet::VassalView view = view_of("shop", {});
    view.status.state = supervise::DisplayState::backoff;
    view.status.reason = "exit code 13";
    view.status.crashes = 4;
    view.since_us = 5;
    view.retry_at_us = 9;
    const Json why = explanation(view);
    EXPECT_EQ(why["state"], "backoff");
    EXPECT_EQ(why["reason"], "exit code 13");
    EXPECT_EQ(why["crashes"], 4);
    EXPECT_EQ(why["retry_at_us"], 9);
    EXPECT_TRUE(why["causes"].empty());
}

}  // namespace
}  // namespace emperor::control
