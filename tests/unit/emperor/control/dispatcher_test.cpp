// SPDX-License-Identifier: Apache-2.0
#include "emperor/control/dispatcher.h"

#include <gtest/gtest.h>

#include "tests/unit/emperor/control/fake_fleet.h"

namespace emperor::control {
namespace {

constexpr uid_t emperor_uid = 500;
constexpr gid_t admins = 77;

struct FakeConversation : Conversation {
    std::vector<Json> lines;
    std::vector<std::unique_ptr<fleet::FleetApi::Subscription>> kept;
    int operations = 0;
    bool room = true;

    void send(std::string line) override { lines.push_back(Json::parse(line)); }
    void begin_operation() override { ++operations; }
    void end_operation() override { --operations; }
    void keep(std::unique_ptr<fleet::FleetApi::Subscription> one) override { kept.push_back(std::move(one)); }
    bool has_room() const override { return room; }
};

struct ControlDispatcher : ::testing::Test {
    testing::FakeFleet fleet;
    Dispatcher dispatcher{fleet, Policy{emperor_uid, admins, "ops"},
                          [] {
                              return Lookups{[](pid_t) { return stats::ProcessMemory{4096, 8192}; },
                                             [](int) { return stats::ListenQueue{}; }, 0, {{"LANG", "C"}}};
                          },
                          [](uid_t uid) { return "uid" + std::to_string(uid); },
                          [this](auto done) { upgrades.push_back(std::move(done)); }};
    std::vector<std::function<void(const common::Result<void>&)>> upgrades;
    std::shared_ptr<FakeConversation> client = std::make_shared<FakeConversation>();
    Peer root{0, 0, 1, {}};

    ControlDispatcher() {
        fleet.add("blog", 1001);
        fleet.add("shop", 1002);
    }

    Json ask(const std::string& line, const Peer& peer) {
        dispatcher.on_line(line, peer, client);
        if (client->lines.empty()) return nullptr;
        Json answer = client->lines.back();
        client->lines.clear();
        return answer;
    }
    Json ask(const std::string& line) { return ask(line, root); }
    std::string code(const Json& answer) { return answer.is_object() ? answer["error"].value("code", "") : "none"; }
};

TEST_F(ControlDispatcher, status_lists_every_app_for_root_the_emperors_user_and_admins) {
    for (const Peer& peer : {root, Peer{emperor_uid, 500, 1, {}}, Peer{9, admins, 1, {}}, Peer{9, 9, 1, {5, admins}}}) {
        const Json answer = ask(R"({"id":1,"command":"status"})", peer);
        ASSERT_TRUE(answer["ok"]);
        ASSERT_EQ(answer["result"]["apps"].size(), 2u);
        EXPECT_EQ(answer["result"]["apps"][0]["name"], "blog");
        EXPECT_EQ(answer["result"]["apps"][0]["state"], "running");
        EXPECT_EQ(answer["result"]["emperor"]["pid"], 4242);
    }
}

TEST_F(ControlDispatcher, histories_are_copied_for_those_who_see_them_only) {
    fleet.vassals.at("shop")->view.history = {{1, "running", 3, "new file"}};
    for (const char* line : {R"({"command":"status"})", R"({"command":"logs"})", R"({"command":"stop","args":{"app":"shop"}})"})
        (void)ask(line);
    EXPECT_EQ(fleet.histories_copied, 0);
    EXPECT_EQ(ask(R"({"command":"why","args":{"app":"shop"}})")["result"]["causes"].size(), 1u);
    EXPECT_EQ(ask(R"({"command":"show","args":{"app":"shop"}})")["result"]["history"].size(), 1u);
    EXPECT_EQ(fleet.histories_copied, 2);
    EXPECT_EQ(ask(R"({"command":"events"})")["result"]["events"].size(), 1u);
}

TEST_F(ControlDispatcher, a_vassals_own_user_sees_and_steers_only_its_own_app) {
    const Peer owner{1002, 1002, 1, {}};
    const Json answer = ask(R"({"command":"status"})", owner);
    ASSERT_EQ(answer["result"]["apps"].size(), 1u);
    EXPECT_EQ(answer["result"]["apps"][0]["name"], "shop");
    EXPECT_EQ(ask(R"({"command":"status","args":{"app":"*"}})", owner)["result"]["apps"].size(), 1u);
    EXPECT_EQ(code(ask(R"({"command":"stop","args":{"app":"blog"}})", owner)), "not_permitted");
    EXPECT_EQ(code(ask(R"({"command":"exec_context","args":{"app":"blog"}})", owner)), "not_permitted");
    EXPECT_EQ(code(ask(R"({"command":"rescan"})", owner)), "not_permitted");
    EXPECT_TRUE(fleet.asked.empty());
    EXPECT_EQ(fleet.rescans, 0);
    (void)ask(R"({"command":"stop","args":{"app":"shop"}})", owner);
    ASSERT_EQ(fleet.asked.size(), 1u);
    EXPECT_EQ(fleet.asked.front().actor.name, "uid1002");
}

TEST_F(ControlDispatcher, an_operation_whose_globs_match_stopped_apps_only_is_answered_at_once) {
    for (const auto& [name, vassal] : fleet.vassals) vassal->view.status.is_held = true;
    const Json answer = ask(R"({"command":"reload","args":{"app":"*"}})");
    ASSERT_TRUE(answer.is_object()) << "it waits for nobody";
    EXPECT_TRUE(answer["ok"]);
    EXPECT_EQ(answer["result"]["outcomes"], Json::array());
    EXPECT_TRUE(fleet.asked.empty());
    EXPECT_EQ(client->operations, 0);
}

TEST_F(ControlDispatcher, the_owner_of_a_file_that_was_never_valid_sees_it) {
    fleet.vassals.at("shop")->view.identity = nullptr;
    fleet.vassals.at("shop")->view.file_owner = 1002;
    EXPECT_TRUE(ask(R"({"command":"why","args":{"app":"shop"}})", {1002, 1002, 1, {}})["ok"]);
    EXPECT_EQ(code(ask(R"({"command":"why","args":{"app":"shop"}})", {1001, 1001, 1, {}})), "not_permitted");
    fleet.vassals.at("shop")->view.identity = &fleet.vassals.at("blog")->identity;  // what runs decides
    EXPECT_EQ(code(ask(R"({"command":"why","args":{"app":"shop"}})", {1002, 1002, 1, {}})), "not_permitted");
}

TEST_F(ControlDispatcher, a_stranger_is_told_whom_to_ask_and_learns_no_names) {
    const Peer stranger{4000, 4000, 1, {}};
    for (const char* line : {R"({"command":"status"})", R"({"command":"show","args":{"app":"shop"}})",
                             R"({"command":"show","args":{"app":"nothing"}})", R"({"command":"logs","args":{"app":"shop"}})"}) {
        const Json answer = ask(line, stranger);
        EXPECT_EQ(code(answer), "not_permitted") << line;
        EXPECT_NE(answer["error"]["message"].get<std::string>().find("group ops"), std::string::npos);
        EXPECT_FALSE(answer["error"].contains("nearest"));
    }
    EXPECT_TRUE(ask(R"({"command":"version"})", stranger)["ok"]);
}

TEST_F(ControlDispatcher, the_nearest_names_of_an_unknown_app_are_those_the_peer_may_see) {
    const Json answer = ask(R"({"id":5,"command":"show","args":{"app":"shp"}})");
    EXPECT_EQ(answer["id"], 5);
    EXPECT_EQ(code(answer), "no_such_app");
    EXPECT_EQ(answer["error"]["nearest"], Json::array({"shop", "blog"}));
    const Json owner = ask(R"({"command":"show","args":{"app":"shp"}})", Peer{1002, 1, 1, {}});
    EXPECT_EQ(owner["error"]["nearest"], Json::array({"shop"}));
}

TEST_F(ControlDispatcher, globs_select_and_one_that_matches_nothing_is_no_such_app) {
    EXPECT_EQ(ask(R"({"command":"status","args":{"apps":["b*","shop"]}})")["result"]["apps"].size(), 2u);
    EXPECT_EQ(code(ask(R"({"command":"stop","args":{"app":"z*"}})")), "no_such_app");
    EXPECT_EQ(code(ask(R"({"command":"show","args":{"app":"*"}})")), "bad_request");
    EXPECT_TRUE(fleet.asked.empty());
}

TEST_F(ControlDispatcher, a_reload_is_answered_when_the_outcome_is_known) {
    EXPECT_TRUE(ask(R"({"id":7,"command":"reload","args":{"app":"shop"}})").is_null());
    ASSERT_EQ(fleet.asked.size(), 1u);
    EXPECT_EQ(fleet.asked[0].operation, supervise::Operation::reload);
    EXPECT_EQ(client->operations, 1);
    fleet.asked[0].done({.ok = true, .failure = {}, .last_log = {}});
    ASSERT_EQ(client->lines.size(), 1u);
    EXPECT_EQ(client->lines[0]["id"], 7);
    EXPECT_EQ(client->lines[0]["result"]["outcomes"][0], (Json{{"app", "shop"}, {"ok", true}}));
    EXPECT_EQ(client->operations, 0);
}

TEST_F(ControlDispatcher, a_failed_operation_says_step_reason_traceback_and_last_lines_of_each_app) {
    EXPECT_TRUE(ask(R"({"command":"restart","args":{"app":"*"}})").is_null());
    ASSERT_EQ(fleet.asked.size(), 2u);
    common::link::LogRecord line;
    line.text = "Traceback";
    fleet.asked[1].done({false, {"import", "ModuleNotFoundError", "Traceback…"}, {line}});
    EXPECT_TRUE(client->lines.empty());
    fleet.asked[0].done({true, {}, {}});
    const Json answer = client->lines.at(0);
    EXPECT_FALSE(answer["ok"]);
    EXPECT_EQ(answer["error"]["code"], "failed");
    EXPECT_EQ(answer["error"]["message"], "restart failed for 1 of 2 apps, first shop: import: ModuleNotFoundError");
    EXPECT_EQ(answer["result"]["outcomes"][0]["ok"], true);
    EXPECT_EQ(answer["result"]["outcomes"][1]["failure"]["detail"], "Traceback…");
    EXPECT_EQ(answer["result"]["outcomes"][1]["log"][0]["text"], "Traceback");
}

TEST_F(ControlDispatcher, no_wait_is_answered_at_once) {
    const Json answer = ask(R"({"command":"start","args":{"app":"shop","wait":false}})");
    EXPECT_EQ(answer["result"]["accepted"], Json::array({"shop"}));
    fleet.asked.at(0).done({true, {}, {}});
    EXPECT_TRUE(client->lines.empty());
    EXPECT_EQ(client->operations, 0);
}

TEST_F(ControlDispatcher, an_outcome_that_arrives_after_the_client_left_is_dropped) {
    (void)ask(R"({"command":"stop","args":{"app":"shop"}})");
    client.reset();
    fleet.asked.at(0).done({true, {}, {}});
}

TEST_F(ControlDispatcher, a_full_conversation_and_a_stopping_emperor_are_busy) {
    client->room = false;
    EXPECT_EQ(code(ask(R"({"command":"stop","args":{"app":"shop"}})")), "busy");
    EXPECT_EQ(code(ask(R"({"command":"logs","args":{"app":"shop","follow":true}})")), "busy");
    client->room = true;
    fleet.facts.is_shutting_down = true;
    EXPECT_EQ(code(ask(R"({"command":"stop","args":{"app":"shop"}})")), "busy");
    EXPECT_TRUE(fleet.asked.empty());
}

TEST_F(ControlDispatcher, followed_logs_come_as_lines_with_the_id_until_the_conversation_ends) {
    const Json first = ask(R"({"id":2,"command":"logs","args":{"app":"shop","follow":true}})");
    EXPECT_TRUE(first["ok"]);
    fleet.write_line("shop", "hello");
    fleet.write_line("blog", "not this");
    ASSERT_EQ(client->lines.size(), 1u);
    EXPECT_EQ(client->lines[0]["id"], 2);
    EXPECT_EQ(client->lines[0]["line"]["text"], "hello");
    client.reset();
    EXPECT_TRUE(fleet.followers.empty());
}

TEST_F(ControlDispatcher, logs_of_several_apps_are_merged_by_time_and_bounded) {
    const auto append = [&](const std::string& app, std::int64_t time_us, const std::string& text) {
        common::link::LogRecord record;
        record.time_us = time_us;
        record.text = text;
        common::scoreboard::append_log(*fleet.vassals.at(app)->board, record);
    };
    append("shop", 10, "a");
    append("blog", 20, "b");
    append("shop", 30, "c");
    const auto texts = [&](const std::string& args, const Peer& peer) {
        std::string all;
        const Json answer = ask(R"({"command":"logs","args":)" + args + "}", peer);
        for (const Json& line : answer["result"]["lines"])
            all += line["app"].get<std::string>().substr(0, 1) + line["text"].get<std::string>() + " ";
        return all;
    };
    EXPECT_EQ(texts("{}", root), "sa bb sc ");
    EXPECT_EQ(texts(R"({"lines":2})", root), "bb sc ");
    EXPECT_EQ(texts(R"({"lines":0})", root), "");
    EXPECT_EQ(texts(R"({"since_us":20})", root), "bb sc ");
    EXPECT_EQ(texts(R"({"apps":["s*"]})", root), "sa sc ");
    EXPECT_EQ(texts("{}", Peer{1001, 1001, 1, {}}), "bb ");
}

TEST_F(ControlDispatcher, logs_of_all_apps_are_followed_also_of_later_ones_and_only_by_who_may) {
    (void)ask(R"({"id":4,"command":"logs","args":{"follow":true}})", Peer{1001, 1001, 1, {}});
    fleet.write_line("shop", "another's");
    fleet.write_line("blog", "own");
    fleet.add("new", 1001);
    fleet.write_line("new", "later");
    ASSERT_EQ(client->lines.size(), 2u);
    EXPECT_EQ(client->lines[0]["line"]["app"], "blog");
    EXPECT_EQ(client->lines[1]["line"]["app"], "new");
}

TEST_F(ControlDispatcher, log_files_are_reopened_of_all_apps_or_of_ones_own) {
    EXPECT_EQ(ask(R"({"command":"reopen_logs"})")["result"], Json::parse(R"({"apps":["blog","shop"],"emperor":true})"));
    const Peer tenant{1001, 1001, 1, {}};
    EXPECT_EQ(ask(R"({"command":"reopen_logs"})", tenant)["result"], Json::parse(R"({"apps":["blog"],"emperor":false})"));
    EXPECT_EQ(code(ask(R"({"command":"reopen_logs","args":{"app":"shop"}})", tenant)), "not_permitted");
    EXPECT_EQ(fleet.reopened, (std::vector<std::string>{"blog", "shop", "blog"}));
}

TEST_F(ControlDispatcher, events_are_of_all_apps_or_of_those_that_are_named) {
    fleet.vassals.at("shop")->view.history = {{2, "crashed", 2, "exit code 1"}};
    fleet.vassals.at("blog")->view.history = {{1, "running", 1, "new file"}};
    EXPECT_EQ(ask(R"({"command":"events"})")["result"]["events"].size(), 2u);
    const Json one = ask(R"({"command":"events","args":{"app":"s*"}})")["result"]["events"];
    ASSERT_EQ(one.size(), 1u);
    EXPECT_EQ(one[0]["app"], "shop");
    EXPECT_EQ(ask(R"({"command":"events","args":{"since_us":2}})")["result"]["events"].size(), 1u);
    EXPECT_EQ(code(ask(R"({"command":"events","args":{"app":"nobody"}})")), "no_such_app");
    EXPECT_EQ(code(ask(R"({"command":"events"})", Peer{9, 9, 1, {}})), "not_permitted");
    EXPECT_EQ(ask(R"({"command":"events"})", Peer{1002, 1002, 1, {}})["result"]["events"].size(), 1u);
}

TEST_F(ControlDispatcher, followed_events_are_those_that_were_asked_for_and_may_be_seen) {
    (void)ask(R"({"id":3,"command":"events","args":{"app":"s*","follow":true}})");
    const auto happens = [&](const std::string& name) {
        for (const auto& [id, follower] : fleet.event_followers) follower(name, {5, "reloaded", 2, "edited"});
    };
    happens("blog");
    EXPECT_TRUE(client->lines.empty());
    happens("shop");
    ASSERT_EQ(client->lines.size(), 1u);
    EXPECT_EQ(client->lines[0]["id"], 3);
    EXPECT_EQ(client->lines[0]["event"]["text"], "edited");
    client = std::make_shared<FakeConversation>();
    EXPECT_TRUE(fleet.event_followers.empty());
    (void)ask(R"({"command":"events","args":{"follow":true}})", Peer{1002, 1002, 1, {}});
    happens("blog");
    EXPECT_TRUE(client->lines.empty()) << "another user's app";
    happens("shop");
    EXPECT_EQ(client->lines.size(), 1u);
    client->room = false;
    EXPECT_EQ(code(ask(R"({"command":"events","args":{"follow":true}})")), "busy");
}

TEST_F(ControlDispatcher, why_is_about_one_app) {
    fleet.vassals.at("shop")->view.history = {{2, "crashed", 2, "exit code 1"}};
    EXPECT_EQ(ask(R"({"command":"why","args":{"app":"shop"}})")["result"]["causes"][0]["event"], "crashed");
    EXPECT_EQ(code(ask(R"({"command":"why","args":{"app":"*"}})")), "bad_request");
}

TEST_F(ControlDispatcher, show_tells_workers_history_and_the_failed_reload) {
    auto& vassal = *fleet.vassals.at("shop");
    testing::FakeFleet::serve(vassal, 0, 99, 10);
    vassal.board->worker[0][0].thread[0].request_started_us = 5;
    vassal.view.status.last_reload = "failed: SyntaxError";
    vassal.view.status.last_reload_failure = supervise::Failure{"import", "SyntaxError", "File x"};
    vassal.view.history = {{1, "crashed", 2, "exit code 1"}};
    const Json result = ask(R"({"command":"show","args":{"app":"shop"}})")["result"];
    EXPECT_EQ(result["worker_list"][0]["pid"], 99);
    EXPECT_EQ(result["worker_list"][0]["resident_memory"], 4096);
    EXPECT_EQ(result["worker_list"][0]["in_flight"].size(), 1u);
    EXPECT_EQ(result["workers"], (Json{{"configured", 2}, {"least", 2}, {"wanted", 2}, {"serving", 1}, {"busy", 1}}));
    EXPECT_EQ(result["last_reload_failure"]["detail"], "File x");
    EXPECT_EQ(result["history"][0]["event"], "crashed");
    EXPECT_EQ(result["requests"], 10);
}

TEST_F(ControlDispatcher, config_and_exec_context_of_an_app_without_a_valid_file_say_why) {
    auto& view = fleet.vassals.at("shop")->view;
    EXPECT_EQ(ask(R"({"command":"config","args":{"app":"shop"}})")["result"]["values"]["workers"], 2);
    EXPECT_EQ(ask(R"({"command":"exec_context","args":{"app":"shop"}})")["result"]["identity"]["uid"], 1002);
    EXPECT_EQ(ask(R"({"command":"exec_context","args":{"app":"shop"}})")["result"]["environment"]["LANG"], "C");
    view.effective = nullptr;
    common::config::Diagnostic finding;
    finding.file = "shop.yaml";
    finding.message = "missing key 'app'";
    view.diagnostics = {finding};
    const Json answer = ask(R"({"command":"config","args":{"app":"shop"}})");
    EXPECT_EQ(code(answer), "failed");
    EXPECT_NE(answer["error"]["message"].get<std::string>().find("missing key 'app'"), std::string::npos);
}

TEST_F(ControlDispatcher, an_upgrade_is_for_operators_and_is_answered_when_the_new_program_was_tried) {
    EXPECT_EQ(code(ask(R"({"id":1,"command":"upgrade"})", Peer{1001, 1001, 1, {}})), "not_permitted");
    EXPECT_TRUE(upgrades.empty());
    EXPECT_TRUE(ask(R"({"id":2,"command":"upgrade"})").is_null()) << "not yet";
    ASSERT_EQ(upgrades.size(), 1u);
    EXPECT_EQ(client->operations, 1);
    upgrades.front()(common::failure("it cannot start"));
    EXPECT_EQ(client->lines.back()["error"]["message"], "it cannot start");
    EXPECT_EQ(client->operations, 0);
    client->lines.clear();
    static_cast<void>(ask(R"({"id":3,"command":"upgrade"})"));
    upgrades.back()({});
    EXPECT_EQ(client->lines.back()["ok"], true);
    EXPECT_TRUE(client->lines.back()["result"].contains("started_us"));
}

}  // namespace
}  // namespace emperor::control
