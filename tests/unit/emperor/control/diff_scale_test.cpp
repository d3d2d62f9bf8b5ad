// SPDX-License-Identifier: Apache-2.0
// Who may ask for a diff or a scale, and what comes of it.
#include <gtest/gtest.h>

#include "emperor/control/dispatcher.h"
#include "tests/unit/emperor/control/fake_fleet.h"

namespace emperor::control {
namespace {

struct Client : Conversation {
    Json last;
    void send(std::string line) override { last = Json::parse(line); }
    void begin_operation() override {}
    void end_operation() override {}
    void keep(std::unique_ptr<fleet::FleetApi::Subscription>) override {}
    bool has_room() const override { return true; }
};

struct ControlDiff : ::testing::Test {
    testing::FakeFleet fleet;
    Dispatcher dispatcher{fleet, Policy{500, 77, "ops"}, [] { return Lookups{}; },
                          [](uid_t uid) { return "uid" + std::to_string(uid); }, [](auto) {}};
    Peer root{0, 0, 1, {}}, owner{1002, 1002, 1, {}}, operator_of_group{9, 77, 1, {}}, stranger{7, 7, 1, {}};

    ControlDiff() {
        fleet.add("blog", 1001);
        fleet.add("shop", 1002);
        for (const char* app : {"blog", "new", "shop"}) {
            fleet::Difference difference;
            difference.app = app;
            difference.action = "changed";
            difference.change = "live";
            difference.cause = "edited";
            difference.values = {{"workers", 2, 4}};
            fleet.differences.push_back(difference);
        }
    }
    Json ask(const std::string& line, const Peer& peer) {
        const auto client = std::make_shared<Client>();
        dispatcher.on_line(line, peer, client);
        return client->last;
    }
    std::vector<std::string> apps(const std::string& line, const Peer& peer) {
        const Json answer = ask(line, peer);
        if (!answer["ok"]) return {answer["error"]["code"]};
        std::vector<std::string> names;
        for (const Json& one : answer["result"]["differences"]) names.push_back(one["app"]);
        return names;
    }
};

using Names = std::vector<std::string>;

TEST_F(ControlDiff, an_operator_sees_all_differences_also_of_new_files) {
    EXPECT_EQ(apps(R"({"command":"diff"})", root), (Names{"blog", "new", "shop"}));
    EXPECT_EQ(apps(R"({"command":"diff"})", operator_of_group), (Names{"blog", "new", "shop"}));
    EXPECT_EQ(apps(R"({"command":"diff","args":{"apps":["new","sh*"]}})", root), (Names{"new", "shop"}));
    const Json one = ask(R"({"command":"diff","args":{"app":"shop"}})", root)["result"]["differences"][0];
    EXPECT_EQ(one["class"], "live");
    EXPECT_EQ(one["values"][0], (Json{{"key", "workers"}, {"before", 2}, {"after", 4}}));
}

TEST_F(ControlDiff, an_apps_own_user_sees_its_own_only) {
    EXPECT_EQ(apps(R"({"command":"diff"})", owner), Names{"shop"});
    EXPECT_EQ(apps(R"({"command":"diff","args":{"app":"blog"}})", owner), Names{"not_permitted"});
    EXPECT_EQ(apps(R"({"command":"diff"})", stranger), Names{"not_permitted"});
}

TEST_F(ControlDiff, a_file_that_is_not_deployed_is_compared_and_only_root_learns_variables) {
    const std::string line = R"({"command":"diff","args":{"app":"shop","text":"app: x\n","defaults":"workers: 2\n"}})";
    EXPECT_EQ(apps(line, root), Names{"shop"});
    EXPECT_EQ(apps(line, operator_of_group), Names{"shop"});
    EXPECT_EQ(apps(line, owner), Names{"shop"});
    EXPECT_EQ(apps(line, stranger), Names{"not_permitted"});
    ASSERT_EQ(fleet.candidates.size(), 3u);
    EXPECT_EQ(fleet.candidates[0].text, "app: x\n");
    EXPECT_EQ(fleet.candidates[0].defaults, "workers: 2\n");
    EXPECT_TRUE(fleet.candidates[0].knows_variables);
    EXPECT_FALSE(fleet.candidates[1].knows_variables);
    EXPECT_FALSE(fleet.candidates[2].knows_variables);
}

TEST_F(ControlDiff, a_new_file_is_for_operators_and_its_name_is_checked) {
    EXPECT_EQ(apps(R"({"command":"diff","args":{"app":"other","text":"app: x"}})", owner), Names{"not_permitted"});
    EXPECT_EQ(apps(R"({"command":"diff","args":{"app":"other","text":"app: x"}})", root), Names{"other"});
    EXPECT_EQ(apps(R"({"command":"diff","args":{"app":"../etc","text":"app: x"}})", root), Names{"bad_request"});
    EXPECT_EQ(apps(R"({"command":"diff","args":{"text":"app: x"}})", root), Names{"bad_request"});
    EXPECT_EQ(apps(R"({"command":"diff","args":{"app":"shop","text":1}})", root), Names{"bad_request"});
}

TEST_F(ControlDiff, scale_takes_a_number_a_range_or_nothing) {
    EXPECT_TRUE(ask(R"({"command":"scale","args":{"app":"shop","workers":8}})", owner)["ok"]);
    EXPECT_TRUE(ask(R"({"command":"scale","args":{"app":"shop","workers":{"min":2,"max":8}}})", root)["ok"]);
    EXPECT_TRUE(ask(R"({"command":"scale","args":{"app":"shop","workers":null}})", root)["ok"]);
    EXPECT_EQ(fleet.scaled, (Names{"shop 8-8", "shop 2-8", "shop file"}));
}

TEST_F(ControlDiff, a_scale_that_cannot_be_is_refused_with_its_reason) {
    for (const char* workers : {"0", "257", "-1", "1.5", "\"4\"", "[4]", "{\"min\":4}", "{\"min\":4,\"max\":2}",
                                "{\"min\":1,\"max\":2,\"x\":1}"}) {
        const Json answer = ask(std::string(R"({"command":"scale","args":{"app":"shop","workers":)") + workers + "}}", root);
        EXPECT_EQ(answer["error"]["code"], "bad_request") << workers;
    }
    EXPECT_TRUE(fleet.scaled.empty());
    EXPECT_EQ(ask(R"({"command":"scale","args":{"app":"blog","workers":2}})", owner)["error"]["code"], "not_permitted");
    fleet.scale_problem = "its file is invalid";
    const Json answer = ask(R"({"command":"scale","args":{"app":"shop","workers":2}})", root);
    EXPECT_EQ(answer["error"]["code"], "failed");
    EXPECT_EQ(answer["error"]["message"], "shop: not scaled: its file is invalid");
}

}  // namespace
}  // namespace emperor::control
