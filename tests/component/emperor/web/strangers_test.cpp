// SPDX-License-Identifier: Apache-2.0
// Who has no business here, or means harm: wrong tokens, connections without requests, requests that end nowhere clear.
#include "tests/component/emperor/web/web_server.h"

namespace emperor::web {
namespace {

const std::string wrong = "Authorization: Bearer 0123456789abcdef0124\r\n";

TEST_F(WebServer, after_a_wrong_token_the_next_one_waits_whether_right_or_wrong) {
    start({.wrong_token = {.least = 10s, .most = 10s, .fresh = 30s, .quiet = 10s, .peers = 9}});
    EXPECT_EQ(status_of(ask("GET", "/api/v1/rows", wrong)), "401");
    SocketClient guess(io, path), right(io, path);
    guess.write("GET /api/v1/rows HTTP/1.1\r\nHost: localhost\r\n" + wrong + "\r\n");
    right.write("GET /api/v1/rows HTTP/1.1\r\nHost: localhost\r\n" + bearer + "\r\n");
    EXPECT_EQ(status_of(ask("GET", "/livez", wrong)), "200") << "health asks for no token";
    EXPECT_EQ(status_of(ask("GET", "/api/v1/rows")), "200") << "nor does reading";
    EXPECT_TRUE(guess.is_silent());
    EXPECT_TRUE(right.is_silent());
    server.reset();
    EXPECT_TRUE(run_until(io, [&] { return guess.is_ended() && right.is_ended(); })) << "a server that ends waits for nobody";
}

TEST_F(WebServer, a_right_token_works_again_once_the_wait_is_over) {
    start({.wrong_token = {.least = 20ms, .most = 20ms, .fresh = 30s, .quiet = 10s, .peers = 9}});
    for (int guess = 0; guess < 3; ++guess) EXPECT_EQ(status_of(ask("POST", "/api/v1/vassals/shop/stop", wrong)), "401");
    EXPECT_EQ(status_of(ask("GET", "/api/v1/rows", bearer)), "200");
    EXPECT_TRUE(fleet.asked.empty());
}

TEST_F(WebServer, another_token_is_valid_from_then_on) {
    start({.wrong_token = {.least = 0ms, .most = 0ms, .fresh = 30s, .quiet = 10s, .peers = 9}});
    server->use_token("fedcba98765432100000");
    EXPECT_EQ(status_of(ask("GET", "/api/v1/rows", bearer)), "401");
    EXPECT_EQ(status_of(ask("GET", "/api/v1/rows", "Authorization: Bearer fedcba98765432100000\r\n")), "200");
}

TEST_F(WebServer, a_stream_that_took_the_former_token_ends_with_it) {
    start();
    Options options;
    options.address.kind = common::net::Address::Kind::unix_path;
    options.address.path = directory.path() + "/closed.sock";
    options.policy = {.token = token, .reads_need_token = true, .hosts = {}};
    options.is_ready = [] { return true; };
    Server closed(io, fleet, *control, *stats, options);
    ASSERT_TRUE(closed.start());
    SocketClient client(io, options.address.path);
    client.write("GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n" + bearer + "\r\n");
    while (client.read_line() != "event: rows") {}
    closed.use_token(token);
    EXPECT_EQ(closed.streams(), 1u) << "the same one";
    closed.use_token("fedcba98765432100000");
    EXPECT_TRUE(run_until(io, [&] { return closed.streams() == 0; }));
    EXPECT_TRUE(run_until(io, [&] { return client.is_ended(); }));
}

TEST_F(WebServer, who_says_nothing_gives_his_place_to_who_asks) {
    start({.connections = 2, .grace = 0ms});
    SocketClient silent(io, path), half(io, path);
    half.write("GET / HT");
    ASSERT_TRUE(run_until(io, [&] { return server->connections() == 2; }));
    EXPECT_EQ(status_of(ask("GET", "/livez")), "200");
    EXPECT_TRUE(run_until(io, [&] { return silent.is_ended(); })) << "the one that waits longest";
    EXPECT_FALSE(half.is_ended());
    EXPECT_LE(server->connections(), 2u);
}

TEST_F(WebServer, who_waits_for_an_outcome_or_has_a_stream_keeps_his_place) {
    start({.connections = 2, .grace = 0ms});
    SocketClient waiting(io, path), streaming(io, path);
    waiting.write("POST /api/v1/vassals/shop/reload HTTP/1.1\r\nHost: localhost\r\n" + bearer + "\r\n");
    streaming.write("GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(run_until(io, [&] { return !fleet.asked.empty() && server->streams() == 1; }));
    EXPECT_EQ(ask("GET", "/livez"), "");
    EXPECT_FALSE(waiting.is_ended());
}

TEST_F(WebServer, who_does_not_read_a_large_answer_gives_way_to_newer_ones) {
    start({.answers_size = 16u << 20, .write = 60s});
    fleet.facts.directories.assign(20'000, std::string(200, 'd'));  // 4 MB a document, more than a socket buffer holds
    std::vector<std::unique_ptr<SocketClient>> slow;
    for (int count = 1; count <= 12; ++count) {
        slow.push_back(std::make_unique<SocketClient>(io, path));
        const int made = fleet.views_made;
        slow.back()->write("GET /api/v1/fleet HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        run_until(io, [&] { return fleet.views_made > made; });
        io.restart();
        io.poll();
        EXPECT_LE(server->connections(), 4u);
    }
    EXPECT_EQ(status_of(ask("GET", "/livez")), "200");
    EXPECT_EQ(status_of(slow.back()->read_all()), "200");
    EXPECT_TRUE(run_until(io, [&] { return server->connections() == 3; }));
}

TEST_F(WebServer, a_request_whose_end_is_not_clear_is_refused_and_closed) {
    start();
    const std::string next = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (const char* length :
         {"Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: identity\r\n",
          "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
          "Content-Length: 0\r\nContent-Length: 0\r\n", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"}) {
        SocketClient client(io, path);
        client.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n" + std::string(length) + "\r\n" + next);
        const std::string answer = client.read_all();
        EXPECT_EQ(status_of(answer), "400") << length;
        EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << length;
    }
    SocketClient client(io, path);
    client.write(
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n"
        "1\r\nx\r\n0\r\n\r\n");
    EXPECT_EQ(status_of(client.read_all()), "200");
}

}  // namespace
}  // namespace emperor::web
