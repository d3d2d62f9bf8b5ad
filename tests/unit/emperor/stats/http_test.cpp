// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/http.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "emperor/stats/process_memory.h"

namespace emperor::stats {
namespace {

TEST(StatsHttp, get_is_told_from_anything_else_at_every_byte) {
    EXPECT_EQ(opening_of(""), Opening::undecided);
    EXPECT_EQ(opening_of("GE"), Opening::undecided);
    EXPECT_EQ(opening_of("GET"), Opening::undecided);
    EXPECT_EQ(opening_of("GET "), Opening::http);
    EXPECT_EQ(opening_of("GET / HTTP/1.1"), Opening::http);
    EXPECT_EQ(opening_of("GEX"), Opening::raw);
    EXPECT_EQ(opening_of("\n"), Opening::raw);
    EXPECT_EQ(opening_of("get /"), Opening::raw);
    EXPECT_EQ(opening_of("P"), Opening::undecided);
    EXPECT_EQ(opening_of("PO"), Opening::undecided);
    EXPECT_EQ(opening_of("POP"), Opening::raw);
    EXPECT_EQ(opening_of("POST "), Opening::http);
    EXPECT_EQ(opening_of("HEAD / HTTP/1.1"), Opening::http);
}

TEST(StatsHttp, head_asks_for_the_same_as_get) {
    const auto target = target_of("HEAD /metrics?vassal=shop HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(target);
    EXPECT_TRUE(target->is_head_only);
    EXPECT_EQ(target->path, "/metrics");
    EXPECT_EQ(target->vassal, "shop");
    EXPECT_FALSE(target_of("GET / HTTP/1.1\r\n\r\n")->is_head_only);
    const std::string whole = error_answer(404, "Not Found", "no"), head = error_answer(404, "Not Found", "no", true);
    EXPECT_EQ(whole, head + "no\n");
}

TEST(StatsHttp, other_methods_are_refused_with_what_is_allowed) {
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"})
        EXPECT_TRUE(is_refused_method(std::string(method) + " / HTTP/1.1\r\n\r\n")) << method;
    for (const char* other : {"GET / HTTP/1.1", "HEAD / HTTP/1.1", "GETS /", "", "hello"})
        EXPECT_FALSE(is_refused_method(other)) << other;
    const std::string answer = method_not_allowed();
    EXPECT_TRUE(answer.starts_with("HTTP/1.0 405 Method Not Allowed\r\n"));
    EXPECT_NE(answer.find("\r\nAllow: GET, HEAD\r\n"), std::string::npos);
}

std::optional<std::string> path_of(std::string_view request) {
    const auto target = target_of(request);
    return target ? std::optional(target->path) : std::nullopt;
}

TEST(StatsHttp, the_path_is_taken_without_query_and_host) {
    EXPECT_EQ(path_of("GET / HTTP/1.0\r\n\r\n"), "/");
    EXPECT_EQ(path_of("GET /vassals/shop?per_worker=1 HTTP/1.1\r\nHost: x\r\n\r\n"), "/vassals/shop");
    EXPECT_EQ(path_of("GET http://localhost:1717/stats HTTP/1.1\r\n\r\n"), "/stats");
    EXPECT_EQ(path_of("GET http://localhost HTTP/1.1\r\n\r\n"), "/");
    EXPECT_EQ(path_of("GET  / HTTP/1.1\r\n\r\n"), std::nullopt);
    EXPECT_EQ(path_of("GET x\r\n\r\n"), std::nullopt);
}

TEST(StatsHttp, parameters_are_read_and_strangers_ignored) {
    const Target all{.path = "/metrics", .vassal = "shop", .is_per_worker = true, .since = 17};
    EXPECT_EQ(target_of("GET /metrics?vassal=shop&per_worker=1&since=17 HTTP/1.0\r\n\r\n"), all);
    EXPECT_EQ(target_of("GET /?nocache=5&&x HTTP/1.0\r\n\r\n"), Target{});
    for (const char* query :
         {"vassal=", "vassal", "per_worker=2", "since=-1", "since=x", "since=1x", "since=99999999999999999999"})
        EXPECT_EQ(target_of("GET /?" + std::string(query) + " HTTP/1.0\r\n\r\n"), std::nullopt) << query;
}

TEST(StatsHttp, only_our_own_entity_tag_is_known) {
    const auto known = [](const std::string& value) {
        return target_of("GET / HTTP/1.1\r\nHost: x\r\nif-none-match: " + value + "\r\n\r\n")->known;
    };
    EXPECT_EQ(known("W/\"123\""), 123u);
    for (const char* other : {"\"123\"", "*", "W/\"1\", W/\"2\"", "W/\"", "W/\"x\"", ""})
        EXPECT_EQ(known(other), 0u) << other;
    EXPECT_NE(ok_head("text/plain", 1, 123).find("\r\nETag: W/\"123\"\r\n"), std::string::npos);
    EXPECT_EQ(ok_head("text/plain", 1, 0).find("ETag"), std::string::npos);
}

TEST(StatsHttp, the_content_type_is_exactly_what_the_exporter_compares_with) {
    const std::string head = ok_head("application/json", 2, 0);
    EXPECT_TRUE(head.starts_with("HTTP/1.0 200 OK\r\n"));
    EXPECT_NE(head.find("\r\nContent-Type: application/json\r\n"), std::string::npos);
    EXPECT_NE(head.find("\r\nContent-Length: 2\r\n"), std::string::npos);
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

TEST(StatsHttp, a_request_is_complete_at_its_blank_line) {
    EXPECT_FALSE(is_complete("GET / HTTP/1.0\r\nHost: x\r\n"));
    EXPECT_TRUE(is_complete("GET / HTTP/1.0\r\nHost: x\r\n\r\n"));
    EXPECT_TRUE(is_complete("GET / HTTP/1.0\n\n"));
}

TEST(ProcessMemory, statm_is_read_in_pages) {
    EXPECT_EQ(parse_statm("100 25 3 1 0 9 0\n", 4096), (ProcessMemory{25 * 4096, 100 * 4096}));
    for (const char* text : {"", "x", "100", "100 ", "-1 2", "1 -2"})
        EXPECT_EQ(parse_statm(text, 4096), std::nullopt) << text;
}

TEST(ProcessMemory, this_process_uses_memory_and_a_dead_one_does_not) {
    EXPECT_GT(read_process_memory(::getpid()).resident, 0);
    EXPECT_EQ(read_process_memory(0), ProcessMemory{});
}

}  // namespace
}  // namespace emperor::stats
