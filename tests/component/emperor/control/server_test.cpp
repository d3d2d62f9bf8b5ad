// SPDX-License-Identifier: Apache-2.0
#include "emperor/control/server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/log/log.h"
#include "tests/component/emperor/control/socket_client.h"
#include "tests/unit/emperor/control/fake_fleet.h"

namespace emperor::control {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;
using testing::run_until;
using testing::SocketClient;

struct ControlServer : ::testing::Test {
    boost::asio::io_context io;
    testing::FakeFleet fleet;
    testing::TemporaryDirectory directory;
    std::string path = directory.path() + "/control.sock";
    std::unique_ptr<Server> server;

    void start(Limits limits = {}) {
        fleet.add("shop");
        Options options;
        options.path = path;
        options.limits = limits;
        server = std::make_unique<Server>(io, fleet, options, [](auto) {});
        const auto started = server->start();
        ASSERT_TRUE(started) << started.error().message();
    }
};

TEST_F(ControlServer, answers_each_line_of_one_connection_in_turn_however_it_is_split) {
    start();
    SocketClient client(io, path);
    client.write("{\"id\":1,\"comm");
    client.write("and\":\"version\"}\n{\"id\":2,\"command\":\"status\"}\n\n{\"id\":3,\"command\":\"nope\"}\n");
    EXPECT_EQ(Json::parse(client.read_line())["result"]["pid"], 4242);
    EXPECT_EQ(Json::parse(client.read_line())["result"]["apps"].size(), 1u);
    EXPECT_EQ(Json::parse(client.read_line())["error"]["code"], "unknown_command");
}

TEST_F(ControlServer, everybody_may_connect_and_the_path_is_gone_with_the_server) {
    start();
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0666u);
    server.reset();
    EXPECT_NE(::stat(path.c_str(), &status), 0);
}

TEST_F(ControlServer, an_outcome_reaches_a_client_that_waits_with_its_sending_side_closed) {
    start();
    SocketClient client(io, path);
    client.write("{\"id\":7,\"command\":\"reload\",\"args\":{\"app\":\"shop\"}}\n");
    client.finish_writing();
    run_until(io, [&] { return fleet.asked.size() == 1; });
    EXPECT_EQ(fleet.asked[0].actor.uid, ::getuid());
    EXPECT_EQ(fleet.asked[0].actor.pid, ::getpid());
    fleet.asked[0].done({true, {}, {}});
    EXPECT_TRUE(Json::parse(client.read_all())["ok"]);
    run_until(io, [&] { return server->sessions() == 0; });
}

TEST_F(ControlServer, who_asks_about_apps_before_the_first_scan_is_answered_after_it) {
    start();
    fleet.facts.has_scanned = false;
    SocketClient client(io, path);
    client.write("{\"id\":1,\"command\":\"status\"}\n{\"id\":2,\"command\":\"version\"}\n");
    client.finish_writing();
    EXPECT_EQ(Json::parse(client.read_line())["id"], 2);
    fleet.facts.has_scanned = true;
    server->fleet_is_known();
    EXPECT_EQ(Json::parse(client.read_line())["result"]["apps"].size(), 1u);
    run_until(io, [&] { return server->sessions() == 0; });
}

TEST_F(ControlServer, a_line_longer_than_64_kib_is_refused_and_ends_the_session) {
    start();
    SocketClient client(io, path);
    client.write(std::string(70'000, 'x'));
    EXPECT_EQ(Json::parse(client.read_all())["error"]["code"], "bad_request");
}

TEST_F(ControlServer, more_clients_than_allowed_are_told_busy) {
    start({.sessions = 2});
    SocketClient first(io, path), second(io, path);
    run_until(io, [&] { return server->sessions() == 2; });
    SocketClient third(io, path);
    EXPECT_EQ(Json::parse(third.read_all())["error"]["code"], "busy");
    first.close();
    run_until(io, [&] { return server->sessions() == 1; });
}

TEST_F(ControlServer, another_user_cannot_take_the_places_of_the_operators) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    start({.sessions = 8, .sessions_of_a_user = 2});
    ::chmod(directory.path().c_str(), 0755);
    const auto connect_as = [&](uid_t uid) {
        EXPECT_EQ(::seteuid(uid), 0);
        auto client = std::make_unique<SocketClient>(io, path);
        EXPECT_EQ(::seteuid(0), 0);
        return client;
    };
    std::vector<std::unique_ptr<SocketClient>> clients;
    for (const uid_t uid : {1001u, 1001u, 1002u, 1002u}) clients.push_back(connect_as(uid));
    run_until(io, [&] { return server->sessions() == 4; });
    EXPECT_EQ(Json::parse(connect_as(1001)->read_all())["error"]["code"], "busy");  // his own are taken
    EXPECT_EQ(Json::parse(connect_as(1003)->read_all())["error"]["code"], "busy");  // half of all are
    SocketClient operator_client(io, path);
    operator_client.write("{\"id\":1,\"command\":\"version\"}\n");
    EXPECT_TRUE(Json::parse(operator_client.read_line())["ok"]);
}

TEST_F(ControlServer, a_follower_that_does_not_read_is_dropped_and_unsubscribed) {
    start({.output_size = 100'000});
    SocketClient client(io, path);
    client.write("{\"command\":\"logs\",\"args\":{\"app\":\"shop\",\"follow\":true}}\n");
    run_until(io, [&] { return !fleet.followers.empty(); });
    const std::string line(8000, 'y');
    for (int count = 0; count < 100 && !fleet.followers.empty(); ++count) {
        fleet.write_line("shop", line);
        io.restart();
        io.poll();
    }
    run_until(io, [&] { return server->sessions() == 0; });
    EXPECT_TRUE(fleet.followers.empty());
}

TEST_F(ControlServer, the_end_of_a_follower_that_does_not_read_is_told_once_however_much_comes_at_once) {
    start({.output_size = 100'000});
    const std::string log = directory.path() + "/log";
    common::log::configure({.file = log});
    SocketClient client(io, path);
    client.write("{\"command\":\"logs\",\"args\":{\"app\":\"shop\",\"follow\":true}}\n");
    run_until(io, [&] { return !fleet.followers.empty(); });
    for (int count = 0; count < 200; ++count) fleet.write_line("shop", std::string(8000, 'y'));
    run_until(io, [&] { return server->sessions() == 0; });
    common::log::configure({});
    std::ifstream in(log);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    const std::size_t told = text.find("control client dropped");
    EXPECT_NE(told, std::string::npos);
    EXPECT_EQ(text.find("control client dropped", told + 1), std::string::npos) << text;
}

TEST_F(ControlServer, a_follower_gets_lines_until_it_goes) {
    start();
    SocketClient client(io, path);
    client.write("{\"id\":4,\"command\":\"logs\",\"args\":{\"app\":\"shop\",\"follow\":true}}\n");
    EXPECT_TRUE(Json::parse(client.read_line())["ok"]);
    fleet.write_line("shop", "one");
    EXPECT_EQ(Json::parse(client.read_line())["line"]["text"], "one");
    client.close();
    run_until(io, [&] { return fleet.followers.empty() && server->sessions() == 0; });
}

TEST_F(ControlServer, a_silent_client_is_dropped_after_the_idle_deadline_but_one_that_waits_for_an_outcome_is_not) {
    start({.idle = 30ms});
    SocketClient silent(io, path), waiting(io, path);
    waiting.write("{\"command\":\"stop\",\"args\":{\"app\":\"shop\"}}\n");
    EXPECT_EQ(silent.read_all(), "");
    run_until(io, [&] { return server->sessions() == 1 && fleet.asked.size() == 1; });
    EXPECT_TRUE(waiting.is_silent());
    fleet.asked[0].done({true, {}, {}});
    EXPECT_TRUE(Json::parse(waiting.read_line())["ok"]);
}

TEST_F(ControlServer, a_server_that_ends_takes_its_sessions_with_it) {
    start();
    SocketClient client(io, path);
    client.write("{\"command\":\"stop\",\"args\":{\"app\":\"shop\"}}\n");
    run_until(io, [&] { return fleet.asked.size() == 1; });
    server.reset();
    EXPECT_TRUE(client.is_ended());
    fleet.asked[0].done({true, {}, {}});
    io.restart();
    io.poll();
}

TEST_F(ControlServer, a_stale_socket_is_replaced_and_a_living_one_is_not) {
    start();
    Options options;
    options.path = path;
    Server second(io, fleet, options, [](auto) {});
    const auto refused = second.start();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("control.sock"), std::string::npos);
    EXPECT_TRUE(SocketClient(io, path).is_connected);
}

TEST_F(ControlServer, an_admin_group_that_does_not_exist_is_an_error_at_the_start) {
    Options options;
    options.path = path;
    options.admin_group = "no-such-group-here";
    Server broken(io, fleet, options, [](auto) {});
    EXPECT_FALSE(broken.start());
}

}  // namespace
}  // namespace emperor::control
