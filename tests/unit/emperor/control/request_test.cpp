// SPDX-License-Identifier: Apache-2.0
#include "emperor/control/request.h"

#include <gtest/gtest.h>

namespace emperor::control {
namespace {

Request decoded(std::string_view line) {
    auto result = decode_request(line);
    if (const auto* error = std::get_if<RequestError>(&result)) ADD_FAILURE() << error->message;
    return std::holds_alternative<Request>(result) ? std::get<Request>(result) : Request{};
}

RequestError refused(std::string_view line) {
    auto result = decode_request(line);
    EXPECT_TRUE(std::holds_alternative<RequestError>(result)) << line;
    return std::holds_alternative<RequestError>(result) ? std::get<RequestError>(result) : RequestError{};
}

TEST(ControlRequest, the_example_of_the_design_is_understood) {
    const Request request = decoded(R"({"id":1,"command":"reload","args":{"app":"mysite"}})");
    EXPECT_EQ(request.id, 1);
    EXPECT_EQ(request.command, Command::reload);
    EXPECT_EQ(request.apps, std::vector<std::string>{"mysite"});
    EXPECT_TRUE(request.waits);
}

TEST(ControlRequest, apps_lines_follow_and_wait_are_taken) {
    EXPECT_EQ(decoded(R"({"command":"status","args":{"apps":["a","b*"]}})").apps, (std::vector<std::string>{"a", "b*"}));
    EXPECT_FALSE(decoded(R"({"command":"stop","args":{"app":"a","wait":false}})").waits);
    const Request logs = decoded(R"({"id":"x","command":"logs","args":{"app":"a","lines":7,"follow":true}})");
    EXPECT_EQ(logs.id, "x");
    EXPECT_EQ(logs.lines, 7);
    EXPECT_TRUE(logs.follows);
}

TEST(ControlRequest, every_malformed_line_is_a_bad_request) {
    for (const char* line : {"", "x", "[]", "1", "null", "{\"command\":1}", "{}", R"({"command":"show"})",
                             R"({"command":"show","args":[]})", R"({"command":"show","args":{"app":1}})",
                             R"({"command":"show","args":{"app":""}})", R"({"command":"show","args":{"apps":["a","b"]}})",
                             R"({"command":"logs","args":{"app":"a","lines":-1}})",
                             R"({"command":"logs","args":{"app":"a","lines":1.5}})",
                             R"({"command":"stop","args":{"app":"a","wait":"no"}})",
                             R"({"command":"version","args":{"app":"a"}})", R"({"command":"version","extra":1})",
                             R"({"id":{},"command":"version"})", R"({"id":true,"command":"version"})",
                             "{\"command\":\"version\"", "\xff\xfe"})
        EXPECT_EQ(refused(line).code, ErrorCode::bad_request) << line;
}

TEST(ControlRequest, nesting_is_refused_before_it_is_parsed) {
    EXPECT_EQ(refused(std::string(60'000, '[')).code, ErrorCode::bad_request);
    EXPECT_EQ(refused(R"({"command":"version","args":)" + std::string(30'000, '{')).code, ErrorCode::bad_request);
    EXPECT_EQ(decoded(R"({"command":"status","args":{"app":"[[[[[[[[[[[[[[[[[[[["}})").apps.size(), 1u);
}

TEST(ControlRequest, an_unknown_command_gets_a_suggestion_and_its_id_back) {
    const RequestError error = refused(R"({"id":9,"command":"relaod","args":{"app":"a"}})");
    EXPECT_EQ(error.code, ErrorCode::unknown_command);
    EXPECT_EQ(error.id, 9);
    EXPECT_EQ(error.message, "unknown command 'relaod' (did you mean 'reload'?)");
}

TEST(ControlRequest, a_line_truncated_anywhere_is_refused_and_never_throws) {
    const std::string line = R"({"id":1,"command":"logs","args":{"app":"mysite","lines":5,"follow":true}})";
    for (std::size_t size = 0; size < line.size(); ++size) refused(line.substr(0, size));
}

TEST(ControlRequest, answers_are_single_lines_even_with_an_apps_own_bytes_in_them) {
    const std::string line = encode_log_line(1, {{"text", "a\nb \xff\x1b[31m"}});
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
    EXPECT_TRUE(line.ends_with("\n"));
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
    EXPECT_FALSE(Json::parse(line, nullptr, false).is_discarded());
}

TEST(ControlRequest, errors_carry_code_message_and_nearest_names) {
    const Json json = Json::parse(encode_error({3, ErrorCode::no_such_app, "no such app: 'shp'", {"shop"}}));
    EXPECT_EQ(json["id"], 3);
    EXPECT_EQ(json["ok"], false);
    EXPECT_EQ(json["error"]["code"], "no_such_app");
    EXPECT_EQ(json["error"]["nearest"], Json::array({"shop"}));
}

}  // namespace
}  // namespace emperor::control
