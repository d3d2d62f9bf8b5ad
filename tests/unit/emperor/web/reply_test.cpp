// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/reply.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "emperor/web/api.h"
#include "emperor/web/event_stream.h"
#include "emperor/web/hub.h"

namespace emperor::web {
namespace {

using Json = nlohmann::json;

Json body_of(const Reply& reply) { return Json::parse(reply.text()); }
stats::Document text(std::string of) { return std::make_shared<const std::string>(std::move(of)); }

TEST(Reply, a_refusal_says_what_would_help) {
    const Reply unauthorized = reply_of(Refusal{401, "no"}), method = reply_of(Refusal{405, "no", "POST"});
    EXPECT_EQ(body_of(unauthorized)["error"]["code"], "unauthorized");
    EXPECT_EQ(unauthorized.headers.front().first, "WWW-Authenticate");
    EXPECT_EQ(method.headers.front(), (std::pair<std::string, std::string>{"Allow", "POST"}));
}

TEST(Reply, a_result_is_200_and_errors_have_a_status_each) {
    EXPECT_EQ(body_of(reply_of_control(R"({"id":1,"ok":true,"result":{"app":"a"}})", true)), Json({{"app", "a"}}));
    const std::pair<const char*, int> cases[] = {
        {"no_such_app", 404}, {"bad_request", 400}, {"not_permitted", 403}, {"busy", 503}, {"failed", 409}};
    for (const auto& [code, status] : cases) {
        const Reply reply = reply_of_control(
            Json{{"id", 1}, {"ok", false}, {"error", {{"code", code}, {"message", "m"}}}}.dump(), true);
        EXPECT_EQ(reply.status, status) << code;
        EXPECT_EQ(body_of(reply)["error"]["message"], "m");
    }
    EXPECT_EQ(reply_of_control("nonsense", true).status, 500);
}

TEST(Reply, values_of_the_environment_are_for_holders_of_the_token) {
    const char* line =
        R"({"id":1,"ok":true,"result":{"values":{"app":"a","env":{"KEY":"hunter2"}},"configuration":{"env":{"KEY":"hunter2"}}}})";
    const Json shown = body_of(reply_of_control(line, false)), hidden = body_of(reply_of_control(line, true));
    EXPECT_EQ(shown["values"]["env"]["KEY"], "hunter2");
    EXPECT_EQ(hidden["values"]["app"], "a");
    EXPECT_TRUE(hidden["values"]["env"].contains("KEY"));
    EXPECT_EQ(hidden.dump().find("hunter2"), std::string::npos);
}

TEST(Reply, a_line_of_the_file_that_a_finding_quotes_is_for_holders_of_the_token) {
    const char* line =
        R"({"id":1,"ok":true,"result":{"diagnostics":[{"line":2,"text":"a.yaml:2:5: error: x\n    2 | env: {KEY: hunter2, B: []}\n      |     ^"},
                          {"line":1},7]}})";
    const Json shown = body_of(reply_of_control(line, false)), hidden = body_of(reply_of_control(line, true));
    EXPECT_NE(shown.dump().find("hunter2"), std::string::npos);
    EXPECT_EQ(hidden["diagnostics"][0]["text"], "a.yaml:2:5: error: x");
    EXPECT_EQ(hidden["diagnostics"][0]["line"], 2);
}

TEST(ControlLine, each_route_is_one_request_line) {
    std::string problem;
    const auto line = [&](const char* method, const char* target, const char* body = "") {
        return Json::parse(Api::control_line(*route_of(method, target).route, body, problem));
    };
    EXPECT_EQ(line("GET", "/api/v1/vassals/shop/why")["args"], Json({{"app", "shop"}}));
    EXPECT_EQ(line("GET", "/api/v1/events?lines=7")["args"], Json({{"lines", 7}}));
    EXPECT_EQ(line("GET", "/api/v1/vassals/shop/logs?lines=7")["args"], Json({{"app", "shop"}, {"lines", 7}}));
    const Json reload = line("POST", "/api/v1/vassals/shop/reload?wait=0");
    EXPECT_EQ(reload["command"], "reload");
    EXPECT_EQ(reload["args"], Json({{"app", "shop"}, {"wait", false}}));
    EXPECT_EQ(line("POST", "/api/v1/vassals/shop/scale", R"({"workers":{"min":1,"max":4}})")["args"]["workers"]["max"], 4);
    EXPECT_EQ(problem, "");
    for (const char* body : {"", "3", "{}", R"({"workers":3,"more":1})", "{\"workers\":"}) {
        problem.clear();
        (void)Api::control_line(*route_of("POST", "/api/v1/vassals/shop/scale").route, body, problem);
        EXPECT_NE(problem, "") << body;
    }
}

TEST(EventStream, an_event_is_its_name_and_one_line) {
    EXPECT_EQ(event_text("rows", "{}\n"), "event: rows\ndata: {}\n\n");
}

TEST(EventStream, what_waits_is_bounded_but_a_first_event_may_be_large) {
    boost::asio::io_context io;
    EventStream stream(io.get_executor(), 10);
    stream.push(text(std::string(100, 'x')));
    EXPECT_FALSE(stream.has_overflown());
    EXPECT_EQ(stream.take()->size(), 100u);
    EXPECT_EQ(stream.take(), nullptr);
    stream.push(text("12345"));
    stream.push(text("12345"));
    EXPECT_FALSE(stream.has_overflown());
    stream.push(text("1"));
    EXPECT_TRUE(stream.has_overflown());
    EXPECT_EQ(stream.take(), nullptr) << "nothing is kept for a client that will be dropped";
}

TEST(Hub, one_document_a_tick_is_shared_by_all_and_none_is_made_while_nobody_listens) {
    boost::asio::io_context io;
    int made = 0;
    std::vector<std::uint64_t> asked;
    Hub hub(io, std::chrono::milliseconds(1), [&](std::uint64_t since) {
        asked.push_back(since);
        return stats::Answer{.body = text("{\"n\":" + std::to_string(++made) + "}"),
                             .revision = 40u + static_cast<unsigned>(made)};
    });
    EXPECT_EQ(io.run_for(std::chrono::milliseconds(20)), 0u);
    EXPECT_EQ(made, 0);
    const auto first = std::make_shared<EventStream>(io.get_executor(), 1000),
               second = std::make_shared<EventStream>(io.get_executor(), 1000);
    hub.add(first);
    hub.add(second);
    EXPECT_EQ(made, 2) << "everything, for each";
    io.restart();
    while (made < 4) io.run_one();
    (void)first->take(), (void)second->take();
    for (int tick = 3; tick <= 4; ++tick) EXPECT_EQ(first->take(), second->take()) << "the same document";
    EXPECT_EQ(asked, (std::vector<std::uint64_t>{0, 0, 41, 43})) << "only what changed since the last one";
    hub.remove(first);
    hub.remove(second);
    io.restart();
    io.run_for(std::chrono::milliseconds(20));
    EXPECT_EQ(made, 4);
}

}  // namespace
}  // namespace emperor::web
