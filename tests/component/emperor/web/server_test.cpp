// SPDX-License-Identifier: Apache-2.0
#include "tests/component/emperor/web/web_server.h"

namespace emperor::web {
namespace {

TEST_F(WebServer, serves_the_page_with_a_strict_policy_and_gzip_for_who_takes_it) {
    start();
    const std::string plain = ask("GET", "/"), packed = ask("GET", "/", "Accept-Encoding: gzip\r\n");
    EXPECT_EQ(status_of(plain), "200");
    EXPECT_NE(plain.find("Content-Security-Policy: default-src 'none'; script-src 'self';"), std::string::npos);
    EXPECT_EQ(plain.find("unsafe"), std::string::npos);
    EXPECT_NE(packed.find("Content-Encoding: gzip\r\n"), std::string::npos);
    const std::size_t tag = plain.find("ETag: ") + 6;
    const std::string known = ask("GET", "/", "If-None-Match: " + plain.substr(tag, plain.find("\r\n", tag) - tag) + "\r\n");
    EXPECT_EQ(status_of(known), "304");
    EXPECT_TRUE(known.ends_with("\r\n\r\n"));
    const std::string head = ask("HEAD", "/");
    EXPECT_EQ(status_of(head), "200");
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

TEST_F(WebServer, documents_are_those_of_the_stats_and_control_rooms) {
    start();
    EXPECT_EQ(body_of(ask("GET", "/api/v1/fleet"))["vassals"][0]["name"], "shop");
    EXPECT_EQ(body_of(ask("GET", "/api/v1/rows"))["rows"][0]["requests"], 5);
    EXPECT_EQ(body_of(ask("GET", "/api/v1/vassals/shop?per_worker=1"))["workers"][0]["worker"], 1);
    EXPECT_EQ(body_of(ask("GET", "/api/v1/vassals/shop/why"))["app"], "shop");
    EXPECT_EQ(body_of(ask("GET", "/api/v1/vassals/shop/config"))["values"]["workers"], 2);
    EXPECT_TRUE(body_of(ask("GET", "/api/v1/vassals/shop/series"))["time_ms"].is_array());
    EXPECT_TRUE(body_of(ask("GET", "/api/v1/rates"))["rates"].contains("shop"));
    for (const char* what : {"", "/show", "/why", "/logs", "/config", "/series", "/stream"})
        EXPECT_EQ(status_of(ask("GET", std::string("/api/v1/vassals/nobody") + what)), "404") << what;
}

TEST_F(WebServer, health_is_answered_under_any_host) {
    start();
    EXPECT_EQ(status_of(ask("GET", "/livez")), "200");
    EXPECT_EQ(status_of(ask("GET", "/readyz")), "200");
    is_ready = false;
    EXPECT_EQ(body_of(ask("GET", "/readyz"))["reason"], "starting");
    EXPECT_EQ(status_of(ask("GET", "/health/shop")), "200");
    EXPECT_EQ(status_of(ask("GET", "/health/nobody")), "404");
    fleet.vassals["shop"]->view.instances.clear();
    fleet.vassals["shop"]->view.status.state = supervise::DisplayState::backoff;
    fleet.vassals["shop"]->view.status.active = 0;
    EXPECT_EQ(status_of(ask("GET", "/health/shop")), "503");
    SocketClient client(io, path);
    client.write("GET /livez HTTP/1.0\r\n\r\n");
    EXPECT_EQ(status_of(client.read_all()), "200");
}

TEST_F(WebServer, an_operation_waits_for_its_outcome_and_bears_the_dashboards_name) {
    start();
    SocketClient client(io, path);
    client.write("POST /api/v1/vassals/shop/reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + bearer + "\r\n");
    ASSERT_TRUE(run_until(io, [&] { return !fleet.asked.empty(); }));
    EXPECT_EQ(fleet.asked.front().actor.name, "dashboard from uid " + std::to_string(::getuid()));
    EXPECT_TRUE(client.is_silent());
    fleet.asked.front().done({.ok = false, .failure = {"import", "ModuleNotFoundError", "…"}, .last_log = {}});
    const std::string answer = client.read_all();
    EXPECT_EQ(status_of(answer), "409");
    EXPECT_EQ(body_of(answer)["result"]["outcomes"][0]["failure"]["step"], "import");
    EXPECT_EQ(status_of(ask("POST", "/api/v1/vassals/shop/restart?wait=0", bearer)), "202");
    EXPECT_EQ(status_of(ask("POST", "/api/v1/vassals/shop/scale", bearer, R"({"workers":3})")), "200");
    EXPECT_EQ(fleet.scaled, std::vector<std::string>{"shop 3-3"});
}

TEST_F(WebServer, who_may_not_act_changes_nothing) {
    start();
    EXPECT_EQ(status_of(ask("POST", "/api/v1/vassals/shop/stop")), "401");
    EXPECT_EQ(status_of(ask("POST", "/api/v1/vassals/shop/stop", "Authorization: Bearer 0123456789abcdef0124\r\n")), "401");
    EXPECT_EQ(status_of(ask("POST", "/api/v1/vassals/shop/stop", bearer + "Origin: http://evil.example\r\n")), "403");
    EXPECT_EQ(status_of(ask("POST", "/api/v1/vassals/shop/stop", bearer + "Host: evil.example\r\n")), "400") << "two of Host";
    EXPECT_EQ(status_of(ask("POST", "/api/v1/vassals/shop/stop", bearer + bearer)), "400");
    EXPECT_EQ(status_of(ask("GET", "/api/v1/vassals/shop/stop", bearer)), "405");
    EXPECT_TRUE(fleet.asked.empty());
}

TEST_F(WebServer, large_and_broken_requests_are_answered_and_closed) {
    start();
    EXPECT_EQ(status_of(ask("GET", "/", "X: " + std::string(20'000, 'x') + "\r\n")), "431");
    EXPECT_EQ(status_of(ask("POST", "/api/v1/vassals/shop/scale", bearer, std::string(20'000, ' '))), "413");
    SocketClient client(io, path);
    client.write("NONSENSE\r\n\r\n");
    EXPECT_EQ(status_of(client.read_all()), "400");
}

TEST_F(WebServer, half_a_request_has_a_deadline_and_connections_have_a_bound) {
    start({.connections = 2, .request = 50ms, .idle = 50ms});
    SocketClient half(io, path), silent(io, path);
    half.write("GET / HT");
    ASSERT_TRUE(run_until(io, [&] { return server->connections() == 2; }));
    SocketClient third(io, path);
    EXPECT_EQ(third.read_all(), "");
    EXPECT_TRUE(run_until(io, [&] { return half.is_ended() && silent.is_ended() && server->connections() == 0; }));
}

TEST_F(WebServer, a_stream_brings_all_rows_then_those_that_change_and_events) {
    start({.tick = 5ms});
    SocketClient client(io, path);
    client.write("GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    std::string line;
    const auto next = [&](const std::string& event) {
        while ((line = client.read_line()) != "event: " + event) {}
        return Json::parse(client.read_line().substr(6));
    };
    EXPECT_EQ(next("rows")["rows"].size(), 1u);
    EXPECT_EQ(next("events")["ok"], true);
    EXPECT_EQ(next("rows")["rows"].size(), 0u);
    testing::FakeFleet::serve(*fleet.vassals["shop"], 0, ::getpid(), 9);
    Json rows;
    while ((rows = next("rows"))["rows"].empty()) {}
    EXPECT_EQ(rows["rows"][0]["requests"], 9);
    EXPECT_FALSE(rows.contains("names"));
    fleet.add("blog");
    while ((rows = next("rows"))["rows"].empty()) {}
    EXPECT_EQ(rows["names"], Json({"blog", "shop"}));
    for (const auto& [id, follower] : fleet.event_followers)
        follower("shop", {.time_us = 1, .event = "reloaded", .generation = 4, .text = "x"});
    EXPECT_EQ(next("events")["event"]["event"], "reloaded");
    client.close();
    EXPECT_TRUE(run_until(io, [&] { return server->streams() == 0; }));
    EXPECT_TRUE(fleet.event_followers.empty());
}

TEST_F(WebServer, a_vassals_stream_brings_its_log) {
    start();
    SocketClient client(io, path);
    client.write("GET /api/v1/vassals/shop/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(run_until(io, [&] { return !fleet.followers.empty(); }));
    fleet.write_line("shop", "<b>\nhello");
    std::string line;
    while (line.find("hello") == std::string::npos) line = client.read_line();
    EXPECT_EQ(Json::parse(line.substr(6))["line"]["text"], "<b>\nhello");
    server.reset();
    EXPECT_TRUE(fleet.followers.empty()) << "a server that ends lets go of the fleet";
}

TEST_F(WebServer, a_client_that_does_not_read_its_stream_is_dropped) {
    start({.stream_size = 64 * 1024, .write = 10'000ms});
    SocketClient client(io, path);
    client.write("GET /api/v1/vassals/shop/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(run_until(io, [&] { return !fleet.followers.empty(); }));
    const std::string text(4000, 'x');
    EXPECT_TRUE(run_until(io, [&] {
        for (int lines = 0; lines < 50; ++lines) fleet.write_line("shop", text);
        return server->streams() == 0;
    }));
    EXPECT_TRUE(fleet.followers.empty());
}

TEST_F(WebServer, a_large_event_may_take_a_thin_line_long) {
    start({.write = 1s});
    SocketClient client(io, path);
    client.write("GET /api/v1/vassals/shop/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(run_until(io, [&] { return !fleet.followers.empty(); }));
    constexpr std::size_t size = 768 * 1024;
    fleet.write_line("shop", std::string(size, 'x'));
    std::size_t taken = 0;
    const auto began = std::chrono::steady_clock::now();
    while (taken < size && server->streams() == 1) {
        io.restart();
        io.run_for(20ms);
        taken += client.take(8 * 1024);
    }
    EXPECT_GE(taken, size) << "not dropped, though it took " << (std::chrono::steady_clock::now() - began) / 1ms << " ms";
}

TEST_F(WebServer, head_of_a_stream_says_what_it_is) {
    start({.streams = 0});
    for (const char* target : {"/api/v1/stream", "/api/v1/vassals/shop/stream"}) {
        const std::string answer = ask("HEAD", target);
        EXPECT_EQ(status_of(answer), "200") << target;
        EXPECT_NE(answer.find("Content-Type: text/event-stream\r\n"), std::string::npos);
        EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
    }
    EXPECT_EQ(status_of(ask("HEAD", "/api/v1/vassals/nobody/stream")), "404");
}

TEST_F(WebServer, streams_have_a_bound_of_their_own) {
    start({.streams = 1});
    SocketClient first(io, path);
    first.write("GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(run_until(io, [&] { return server->streams() == 1; }));
    EXPECT_EQ(status_of(ask("GET", "/api/v1/stream")), "503");
    EXPECT_EQ(status_of(ask("GET", "/livez")), "200");
}

TEST_F(WebServer, one_connection_carries_many_requests) {
    start();
    SocketClient client(io, path);
    const std::string request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write(request + request);
    int answers = 0;
    while (answers < 2)
        if (client.read_line() == "ok") ++answers;
    EXPECT_EQ(server->connections(), 1u);
}

TEST_F(WebServer, another_address_than_loopback_needs_a_token_and_then_for_reading_too) {
    start();
    Options options;
    options.address.kind = common::net::Address::Kind::tcp;
    options.address.host = "0.0.0.0";
    options.is_ready = [] { return true; };
    Server open(io, fleet, *control, *stats, options);
    const auto refused = open.start();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("needs --http-token-file"), std::string::npos);
}

}  // namespace
}  // namespace emperor::web
