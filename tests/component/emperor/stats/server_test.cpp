// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/server.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "emperor/stats/listen_socket.h"
#include "emperor/stats/sock_diag.h"
#include "tests/component/emperor/control/socket_client.h"
#include "tests/unit/emperor/control/fake_fleet.h"

namespace emperor::stats {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;
using testing::run_until;
using testing::SocketClient;

struct StatsServer : ::testing::Test {
    boost::asio::io_context io;
    testing::FakeFleet fleet;
    testing::TemporaryDirectory directory;
    Options options;
    std::unique_ptr<Server> server;

    void start() {
        testing::FakeFleet::serve(fleet.add("shop"), 0, ::getpid(), 5);
        options.runtime_dir = directory.path();
        server = std::make_unique<Server>(io, fleet, options);
        const auto started = server->start();
        ASSERT_TRUE(started) << started.error().message();
    }
    std::string fleet_path() const { return directory.path() + "/stats.sock"; }
    std::string vassal_path(const std::string& name) const { return directory.path() + "/stats/" + name + ".sock"; }
    std::string get(const std::string& path, const std::string& request) {
        SocketClient client(io, path);
        client.write(request);
        return client.read_all();
    }
};

TEST_F(StatsServer, a_client_that_only_connects_gets_one_document_and_end_of_file) {
    start();
    const Json fleet_document = Json::parse(SocketClient(io, fleet_path()).read_all());
    EXPECT_EQ(fleet_document["vassals"].size(), 1u);
    const Json vassal = Json::parse(SocketClient(io, vassal_path("shop")).read_all());
    EXPECT_EQ(vassal["name"], "shop");
    EXPECT_GT(vassal["workers"][0]["rss"], 0);
}

TEST_F(StatsServer, get_is_answered_with_http_and_exactly_application_json) {
    start();
    const std::string answer = get(vassal_path("shop"), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.0 200 OK\r\n"));
    EXPECT_NE(answer.find("\r\nContent-Type: application/json\r\n"), std::string::npos);
    EXPECT_EQ(Json::parse(answer.substr(answer.find("\r\n\r\n") + 4))["name"], "shop");
}

TEST_F(StatsServer, a_get_split_at_every_byte_is_still_http) {
    options.peek = 5s;
    start();
    const std::string request = "GET / HTTP/1.0\r\n\r\n";
    for (std::size_t at = 1; at < request.size(); ++at) {
        SocketClient client(io, fleet_path());
        client.write(request.substr(0, at));
        io.restart();
        io.poll();
        client.write(request.substr(at));
        EXPECT_TRUE(client.read_all().starts_with("HTTP/1.0 200 OK\r\n")) << at;
    }
}

TEST_F(StatsServer, unknown_paths_are_404_and_oversized_requests_431) {
    start();
    EXPECT_TRUE(get(fleet_path(), "GET /nothing HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404 "));
    EXPECT_TRUE(get(fleet_path(), "GET /vassals/nobody HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404 "));
    EXPECT_TRUE(get(fleet_path(), "GET /vassals/shop HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200 "));
    EXPECT_TRUE(get(vassal_path("shop"), "GET /vassals/shop HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404 "));
    EXPECT_TRUE(get(fleet_path(), "GET / HTTP/1.0\r\nX: " + std::string(6000, 'x')).starts_with("HTTP/1.0 431 "));
}

TEST_F(StatsServer, head_gets_the_head_and_other_methods_405) {
    start();
    const std::string head = get(vassal_path("shop"), "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.0 200 OK\r\n"));
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
    const std::string whole = get(vassal_path("shop"), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(whole.starts_with(head)) << head << whole;
    const std::string missing = get(fleet_path(), "HEAD /nothing HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(missing.starts_with("HTTP/1.0 404 ") && missing.ends_with("\r\n\r\n")) << missing;
    // Also one whose body comes with the head, is larger than is read, or is still to come.
    for (const std::size_t size : {0u, 5u, 10'000u})
        EXPECT_TRUE(get(fleet_path(), "POST / HTTP/1.1\r\nContent-Length: 10000\r\n\r\n" + std::string(size, 'x'))
                        .starts_with("HTTP/1.0 405 ")) << size;
    EXPECT_NE(get(vassal_path("shop"), "DELETE / HTTP/1.1\r\n\r\n").find("\r\nAllow: GET, HEAD\r\n"), std::string::npos);
}

TEST_F(StatsServer, metrics_are_on_every_socket_in_prometheus_own_type) {
    start();
    fleet.add("blog");
    const std::string all = get(fleet_path(), "GET /metrics HTTP/1.0\r\n\r\n");
    EXPECT_NE(all.find("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), std::string::npos);
    EXPECT_NE(all.find("emperor_app_up{app=\"blog\"} 1\n"), std::string::npos);
    for (const std::string& one : {get(fleet_path(), "GET /metrics?vassal=shop HTTP/1.0\r\n\r\n"),
                                   get(vassal_path("shop"), "GET /metrics HTTP/1.0\r\n\r\n")}) {
        EXPECT_NE(one.find("emperor_app_up{app=\"shop\"} 1\n"), std::string::npos);
        EXPECT_EQ(one.find("blog"), std::string::npos);
    }
}

TEST_F(StatsServer, a_reader_that_knows_a_revision_gets_what_changed_since) {
    options.freshness = 0ms;
    start();
    fleet.add("blog");
    const auto read = [&](const std::string& target) {
        const std::string answer = get(fleet_path(), "GET " + target + " HTTP/1.0\r\n\r\n");
        return Json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
    };
    // Figures of real processes change with every look.
    fleet.vassals.at("shop")->board->worker[0][0].pid = 0;
    for (const char* name : {"blog", "shop"}) fleet.vassals.at(name)->view.instances.clear();
    const std::uint64_t revision = read("/")["revision"];
    EXPECT_EQ(read("/?since=" + std::to_string(revision))["vassals"], Json::array());
    fleet.vassals.at("blog")->view.status.reason = "touched";
    const Json changes = read("/?since=" + std::to_string(revision));
    ASSERT_EQ(changes["vassals"].size(), 1u);
    EXPECT_EQ(changes["vassals"][0]["name"], "blog");
    EXPECT_EQ(changes["names"], Json::array({"blog", "shop"}));
    EXPECT_GT(changes["revision"], revision);
    const std::string tag = std::to_string(changes["revision"].get<std::uint64_t>());
    EXPECT_TRUE(get(fleet_path(), "GET / HTTP/1.1\r\nIf-None-Match: W/\"" + tag + "\"\r\n\r\n").starts_with("HTTP/1.0 304 "));
    fleet.vassals.erase("blog");
    const Json gone = read("/?since=" + tag);
    EXPECT_EQ(gone["names"], Json::array({"shop"}));
    EXPECT_GT(gone["revision"], changes["revision"]);
    for (const char* unknown : {"1", "18446744073709551615"}) {
        EXPECT_EQ(read("/?since=" + std::string(unknown))["since_revision"], 0u);
        EXPECT_EQ(read("/?since=" + std::string(unknown))["vassals"].size(), 1u);
    }
}

TEST_F(StatsServer, sockets_of_vassals_come_and_go_with_them_and_are_not_open_to_all) {
    start();
    struct stat status{};
    fleet.add("blog");
    server->sync();
    ASSERT_EQ(::stat(vassal_path("blog").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0660u);
    EXPECT_EQ(Json::parse(SocketClient(io, vassal_path("blog")).read_all())["name"], "blog");
    fleet.vassals.erase("blog");
    server->sync();
    EXPECT_NE(::stat(vassal_path("blog").c_str(), &status), 0);
    server.reset();
    EXPECT_NE(::stat(vassal_path("shop").c_str(), &status), 0);
    EXPECT_NE(::stat(fleet_path().c_str(), &status), 0);
}

TEST_F(StatsServer, new_vassals_are_noticed_without_being_told) {
    options.sync_interval = 5ms;
    start();
    fleet.add("blog");
    run_until(io, [&] { return std::filesystem::exists(vassal_path("blog")); });
}

TEST_F(StatsServer, a_name_that_could_leave_the_directory_gets_no_socket) {
    start();
    fleet.add("../evil");
    server->sync();
    EXPECT_FALSE(std::filesystem::exists(directory.path() + "/evil.sock"));
}

TEST_F(StatsServer, clients_that_do_not_read_are_dropped_and_cost_no_more_than_their_number) {
    options.client_deadline = 1s;
    options.max_clients = 5;
    start();
    fleet.facts.directories.assign(20'000, std::string(200, 'd'));  // more than a socket buffer holds
    std::vector<std::unique_ptr<SocketClient>> slow;
    for (int count = 0; count < 8; ++count) slow.push_back(std::make_unique<SocketClient>(io, fleet_path()));
    run_until(io, [&] { return server->clients() == 5; });
    EXPECT_LE(server->clients(), 5u);
    run_until(io, [&] { return server->clients() == 0; });
    EXPECT_FALSE(Json::parse(SocketClient(io, vassal_path("shop")).read_all()).empty());
}

TEST_F(StatsServer, a_client_that_asks_is_answered_beside_any_number_that_just_sit_there) {
    options.client_deadline = 60s;
    options.max_clients = 5;
    start();
    std::vector<std::unique_ptr<SocketClient>> idle;
    for (int count = 0; count < 8; ++count) {
        idle.push_back(std::make_unique<SocketClient>(io, fleet_path()));
        idle.back()->write("GET / HTTP/1.0\r\n");
        run_until(io, [&] { return server->clients() == std::min<std::size_t>(idle.size(), 5); });
    }
    EXPECT_TRUE(get(fleet_path(), "GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200 "));
    EXPECT_TRUE(idle[0]->is_ended());
    EXPECT_FALSE(idle[7]->is_ended());
}

TEST_F(StatsServer, clients_that_do_not_read_hold_few_documents) {
    options.client_deadline = 60s;
    options.freshness = 0ms;
    start();
    fleet.facts.directories.assign(20'000, std::string(200, 'd'));  // more than a socket buffer holds
    std::vector<std::unique_ptr<SocketClient>> slow;
    for (int count = 1; count <= 20; ++count) {
        slow.push_back(std::make_unique<SocketClient>(io, fleet_path()));
        const int made = fleet.views_made;
        slow.back()->write("GET / HTTP/1.0\r\n\r\n");
        run_until(io, [&] { return fleet.views_made > made; });
        io.restart();
        io.poll();
        EXPECT_LE(server->clients(), options.max_documents);
    }
    EXPECT_EQ(server->clients(), options.max_documents);
    EXPECT_TRUE(slow.back()->read_all().starts_with("HTTP/1.0 200 "));
}

TEST_F(StatsServer, clients_of_an_app_s_socket_displace_each_other_and_nobody_else) {
    options.client_deadline = 60s;
    options.max_clients = 5;
    options.max_clients_of_vassal = 2;
    start();
    SocketClient reader(io, fleet_path());
    reader.write("GET / HTTP/1.0\r\n");
    run_until(io, [&] { return server->clients() == 1; });
    std::vector<std::unique_ptr<SocketClient>> idle;
    for (int count = 0; count < 8; ++count) {
        idle.push_back(std::make_unique<SocketClient>(io, vassal_path("shop")));
        idle.back()->write("GET / HTTP/1.0\r\n");
        run_until(io, [&] { return server->clients() == 1 + std::min<std::size_t>(idle.size(), 2); });
    }
    reader.write("\r\n");
    EXPECT_TRUE(reader.read_all().starts_with("HTTP/1.0 200 "));
}

TEST_F(StatsServer, half_a_request_ends_at_the_deadline) {
    options.client_deadline = 30ms;
    start();
    EXPECT_EQ(get(fleet_path(), "GET / HTTP/1.0\r\n"), "");
}

TEST_F(StatsServer, a_document_is_built_once_for_all_clients_of_a_moment) {
    options.freshness = 10s;
    start();
    (void)SocketClient(io, vassal_path("shop")).read_all();
    const int made = fleet.views_made;
    (void)SocketClient(io, vassal_path("shop")).read_all();
    EXPECT_EQ(fleet.views_made, made);
}

TEST_F(StatsServer, a_document_that_takes_long_is_built_less_often) {
    options.freshness = 1ms;
    start();
    fleet.facts.directories.assign(100'000, std::string(200, 'd'));
    const auto ask = [&] { EXPECT_TRUE(get(fleet_path(), "HEAD / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200 ")); };
    ask();
    const int made = fleet.views_made;
    ask();
    EXPECT_EQ(fleet.views_made, made);
}

TEST_F(StatsServer, one_more_address_serves_the_fleet_even_at_a_path_longer_than_sun_path) {
    const std::string folder = directory.path() + "/" + std::string(120, 'l');
    std::filesystem::create_directory(folder);
    common::net::Address address;
    address.path = folder + "/more.sock";
    options.addresses = {address};
    start();
    EXPECT_TRUE(std::filesystem::exists(address.path));
    server.reset();
    EXPECT_FALSE(std::filesystem::exists(address.path));
}

TEST_F(StatsServer, the_end_of_the_server_ends_its_clients) {
    options.peek = 10s;
    start();
    SocketClient client(io, fleet_path());
    run_until(io, [&] { return server->clients() == 1; });
    server.reset();
    io.restart();
    io.poll();
    EXPECT_TRUE(client.is_ended());
}

TEST(QueueProbe, sees_how_many_wait_at_a_unix_socket_and_at_a_tcp_port) {
    testing::TemporaryDirectory directory;
    boost::asio::io_context io;
    common::net::Address address;
    address.path = directory.path() + "/x.sock";
    auto listener = LocalSocket::listen(address);
    ASSERT_TRUE(listener);
    const QueueProbe probe;
    EXPECT_EQ(probe.read(listener->fd()).length, 0);
    EXPECT_GT(probe.read(listener->fd()).limit, 0);
    SocketClient first(io, address.path), second(io, address.path);
    EXPECT_EQ(probe.read(listener->fd()).length, 2);

    common::net::Address tcp;
    tcp.kind = common::net::Address::Kind::tcp;
    tcp.host = "127.0.0.1";
    auto port = LocalSocket::listen(tcp);
    ASSERT_TRUE(port) << port.error().message();
    EXPECT_GT(probe.read(port->fd()).limit, 0);
    EXPECT_EQ(probe.read(-1), ListenQueue{});
}

TEST(QueueProbe, tells_them_apart_when_asked_for_many_in_a_row) {
    testing::TemporaryDirectory directory;
    boost::asio::io_context io;
    std::vector<LocalSocket> listeners;
    std::vector<std::unique_ptr<SocketClient>> clients;
    for (int i = 0; i < 200; ++i) {
        common::net::Address address;
        address.path = directory.path() + "/" + std::to_string(i) + ".sock";
        auto listener = LocalSocket::listen(address);
        ASSERT_TRUE(listener);
        listeners.push_back(std::move(*listener));
        for (int waiting = 0; waiting < i % 3; ++waiting) clients.push_back(std::make_unique<SocketClient>(io, address.path));
    }
    const QueueProbe probe;
    for (int i = 0; i < 200; ++i) {
        const ListenQueue queue = probe.read(listeners[static_cast<std::size_t>(i)].fd());
        EXPECT_EQ(queue.length, i % 3) << i;
        EXPECT_GT(queue.limit, 0) << i;
    }
}

TEST(LocalSocket, a_file_that_is_no_socket_is_left_alone) {
    testing::TemporaryDirectory directory;
    common::net::Address address;
    address.path = directory.path() + "/precious";
    ::close(::creat(address.path.c_str(), 0600));
    const auto refused = LocalSocket::listen(address);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("is not a socket"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(address.path));
}

}  // namespace
}  // namespace emperor::stats
