// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/agent.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "emperor/stats/server.h"
#include "tests/component/emperor/control/socket_client.h"
#include "tests/unit/emperor/control/fake_fleet.h"

namespace emperor::stats {
namespace {

using namespace std::chrono_literals;
using testing::run_until;
using testing::SocketClient;

struct StatsAgent : ::testing::Test {
    boost::asio::io_context io;
    testing::FakeFleet fleet;
    testing::TemporaryDirectory directory;
    std::string path = directory.path() + "/agent.sock";
    std::unique_ptr<Server> server;

    void start() {
        testing::FakeFleet::serve(fleet.add("shop"), 0, ::getpid(), 5);
        Options options;
        options.runtime_dir = directory.path();
        options.agents.emplace_back().path = path;
        server = std::make_unique<Server>(io, fleet, options);
        const auto started = server->start();
        ASSERT_TRUE(started) << started.error().message();
    }
    std::string ask(const std::string& question) {
        SocketClient client(io, path);
        client.write(question);
        return client.read_all();
    }
};

TEST_F(StatsAgent, a_name_is_answered_with_one_line_and_end_of_file) {
    start();
    EXPECT_EQ(ask("shop\n"), "up ready 100%\n");
    EXPECT_EQ(ask("shop;"), "up ready 100%\n");
    EXPECT_EQ(ask("shopp\n"), "down #no such app: shopp\n");
    fleet.vassals.at("shop")->view.status.state = supervise::DisplayState::stopping;
    EXPECT_EQ(ask("shop\n"), "drain\n");
    fleet.vassals.at("shop")->view.status.state = supervise::DisplayState::stopped;
    fleet.vassals.at("shop")->view.status.reason = "stopped by operator root";
    EXPECT_EQ(ask("shop\n"), "down #stopped: stopped by operator root\n");
}

TEST_F(StatsAgent, who_sends_no_name_means_the_only_app) {
    start();
    EXPECT_EQ(ask(""), "up ready 100%\n") << "silent: after a moment";
    SocketClient closed(io, path);
    closed.finish_writing();
    EXPECT_EQ(closed.read_all(), "up ready 100%\n");
    fleet.add("blog");
    EXPECT_EQ(ask(""), "down #send the name of an app: agent-send \"NAME\\n\"\n");
    EXPECT_EQ(ask("\n"), "down #send the name of an app: agent-send \"NAME\\n\"\n");
}

TEST_F(StatsAgent, a_name_without_its_end_is_a_name_after_a_moment) {
    start();
    fleet.add("blog");
    EXPECT_EQ(ask("shop"), "up ready 100%\n");
}

TEST_F(StatsAgent, more_than_a_name_is_answered_without_a_reset) {
    start();
    const std::string answer = ask(std::string(3000, 'x'));
    EXPECT_TRUE(answer.starts_with("down #no such app: xxx")) << answer;
    EXPECT_TRUE(answer.ends_with("\n"));
}

// Of half-open clients nothing is left after half a second, and more than the bound are not kept at all.
TEST_F(StatsAgent, clients_are_bounded_in_number_and_time) {
    int answers = 0;
    Agent agent(io, [&](std::string_view) { return ++answers, std::string("up ready 100%\n"); },
                {.max_clients = 3, .patience = 10s, .deadline = 20ms});
    common::net::Address address;
    address.path = path;
    auto socket = LocalSocket::listen(address, {.mode = 0600, .owner = {}, .group = {}});
    ASSERT_TRUE(socket);
    agent.serve(std::move(*socket));
    std::vector<std::unique_ptr<SocketClient>> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(std::make_unique<SocketClient>(io, path));
    EXPECT_EQ(clients[3]->read_all(), "");
    EXPECT_EQ(clients[4]->read_all(), "");
    EXPECT_EQ(agent.clients(), 3u);
    EXPECT_EQ(answers, 0);
    clients[0]->write("shop\n");  // and then never reads nor closes
    run_until(io, [&] { return agent.clients() == 2; });
    EXPECT_EQ(answers, 1);
    EXPECT_EQ(ask("shop\n"), "up ready 100%\n");
}

TEST_F(StatsAgent, it_may_go_while_clients_wait) {
    start();
    SocketClient client(io, path);
    run_until(io, [&] { return client.is_connected; });
    io.restart();
    io.run_one_for(20ms);
    server.reset();
    EXPECT_EQ(client.read_all(), "");
}

}  // namespace
}  // namespace emperor::stats
