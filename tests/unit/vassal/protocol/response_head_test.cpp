// SPDX-License-Identifier: Apache-2.0
#include "vassal/protocol/response_head.h"

#include <gtest/gtest.h>

#include <string>

namespace vassal::protocol {
namespace {

constexpr std::string_view date = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr ResponseContext http11{.is_http = true, .is_http11 = true, .keep_alive = true, .date = date};
constexpr ResponseContext uwsgi{};

TEST(ResponseHead, http_adds_date_server_and_length) {
    ResponseHead head;
    head.start(http11, "200 OK");
    head.header("Content-Type", "text/plain");
    head.finish(5);
    EXPECT_EQ(head.bytes(),
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
              "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: emperor\r\n\r\n");
    EXPECT_TRUE(head.keep_alive());
    EXPECT_EQ(head.framing(), BodyFraming::length);
}

TEST(ResponseHead, uwsgi_is_plain_and_never_chunked) {
    ResponseHead head;
    head.start(uwsgi, "404 Not Found");
    head.header("Transfer-Encoding", "chunked");
    head.finish(std::nullopt);
    EXPECT_EQ(head.bytes(), "HTTP/1.1 404 Not Found\r\n\r\n");
    EXPECT_EQ(head.framing(), BodyFraming::until_close);
    EXPECT_EQ(head.status(), 404);
}

TEST(ResponseHead, an_unknown_length_is_chunked_for_1_1_and_until_close_for_1_0) {
    ResponseHead head;
    head.start(http11, "200 OK");
    head.finish(std::nullopt);
    EXPECT_NE(head.bytes().find("Transfer-Encoding: chunked\r\n"), std::string_view::npos);
    EXPECT_TRUE(head.keep_alive());
    head.start({.is_http = true, .is_http11 = false, .keep_alive = true, .date = date}, "200 OK");
    head.finish(std::nullopt);
    EXPECT_EQ(head.framing(), BodyFraming::until_close);
    EXPECT_NE(head.bytes().find("Connection: close\r\n"), std::string_view::npos);
}

TEST(ResponseHead, fields_of_the_connection_are_the_servers) {
    ResponseHead head;
    head.start(http11, "200 OK");
    for (const char* name : {"Transfer-Encoding", "Keep-Alive", "TE", "Upgrade", "Trailer", "connection"}) {
        head.header(name, "x");
    }
    head.finish(0);
    for (const char* name : {"Transfer-Encoding", "Keep-Alive", "TE:", "Upgrade", "Trailer", "onnection"}) {
        EXPECT_EQ(head.bytes().find(name), std::string_view::npos) << name;
    }
    EXPECT_TRUE(head.keep_alive());
    head.start(http11, "200 OK");
    head.header("Connection", "Close");
    head.finish(0);
    EXPECT_FALSE(head.keep_alive());
    EXPECT_NE(head.bytes().find("Connection: close\r\n"), std::string_view::npos);
}

TEST(ResponseHead, what_the_app_says_of_date_and_server_stands) {
    ResponseHead head;
    head.start(http11, "200 OK");
    head.header("date", "then");
    head.header("SERVER", "mine");
    head.finish(0);
    EXPECT_EQ(head.bytes(), "HTTP/1.1 200 OK\r\ndate: then\r\nSERVER: mine\r\nContent-Length: 0\r\n\r\n");
}

TEST(ResponseHead, statuses_without_a_body_have_none) {
    for (const char* status : {"204 No Content", "304 Not Modified"}) {
        ResponseHead head;
        head.start(http11, status);
        head.finish(7);
        EXPECT_EQ(head.framing(), BodyFraming::none) << status;
        EXPECT_EQ(head.bytes().find("Content-Length"), std::string_view::npos) << status;
        EXPECT_TRUE(head.keep_alive());
    }
    ResponseHead head;
    head.start(http11, "204 No Content");
    head.header("Content-Length", "0");
    head.finish(0);
    EXPECT_EQ(head.bytes().find("Content-Length"), std::string_view::npos);
}

TEST(ResponseHead, head_keeps_the_length_of_the_app_and_invents_no_zero) {
    constexpr ResponseContext context{
        .is_http = true, .is_http11 = true, .is_head = true, .keep_alive = true, .date = date};
    ResponseHead head;
    head.start(context, "200 OK");
    head.header("Content-Length", "42");
    head.finish(0);
    EXPECT_NE(head.bytes().find("Content-Length: 42\r\n"), std::string_view::npos);
    EXPECT_EQ(head.framing(), BodyFraming::none);
    head.start(context, "200 OK");
    head.finish(0);
    EXPECT_EQ(head.bytes().find("Content-Length"), std::string_view::npos);
}

TEST(ResponseHead, a_second_start_discards_the_first) {
    ResponseHead head;
    head.start(http11, "200 OK");
    head.header("X", "1");
    head.header("Content-Length", "3");
    head.start(uwsgi, "500 Oops");
    head.finish(std::nullopt);
    EXPECT_EQ(head.bytes(), "HTTP/1.1 500 Oops\r\n\r\n");
}

TEST(HttpDate, is_written_as_rfc_9110_says) {
    HttpDate dates;
    EXPECT_EQ(dates.at(784111777), date);
    EXPECT_EQ(dates.at(784111778), "Sun, 06 Nov 1994 08:49:38 GMT");
}

TEST(StatusReply, names_the_status_and_closes) {
    TextBuffer out;
    write_status_reply(413, {.is_http = true, .date = date}, out);
    EXPECT_EQ(out.view(),
              "HTTP/1.1 413 Content Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
              "Content-Length: 22\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: emperor\r\n"
              "Connection: close\r\n\r\n413 Content Too Large\n");
    write_status_reply(400, {}, out);
    EXPECT_EQ(out.view().find("Connection"), std::string_view::npos);
}

}  // namespace
}  // namespace vassal::protocol
