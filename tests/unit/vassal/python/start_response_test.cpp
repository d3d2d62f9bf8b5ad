// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/unit/vassal/python/support.h"
#include "vassal/python/header_rules.h"

namespace vassal::python::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(StartResponse, headers_keep_their_order_bytes_and_repetitions) {
    App app(
        "def application(environ, start_response):\n"
        "    start_response('404 Not Found', [('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=\\xe9'), ('X-Empty', '')])\n"
        "    return [b'']\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.status, "404 Not Found");
    const Params expected = {{"Set-Cookie", "a=1"}, {"Set-Cookie", "b=\xe9"}, {"X-Empty", ""}};
    EXPECT_EQ(served.response.headers, expected);
    EXPECT_THAT(served.log, IsEmpty());
}

TEST(StartResponse, an_equal_second_content_length_does_not_go_out) {
    App app(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Length', '1'), ('content-length', '1')])\n    return [b'x']\n");
    EXPECT_EQ(app.serve().response.headers, (Params{{"Content-Length", "1"}}));
}

TEST(StartResponse, exc_info_replaces_a_head_that_was_not_sent) {
    App app(
        "import sys\ndef application(environ, start_response):\n"
        "    start_response('200 OK', [('X-A', '1'), ('Content-Length', '1')])\n"
        "    try:\n        raise KeyError\n    except KeyError:\n"
        "        start_response('503 Busy', [('X-B', '2')], sys.exc_info())\n    return [b'busy']\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.status, "503 Busy");
    EXPECT_EQ(served.response.headers, (Params{{"X-B", "2"}}));
    EXPECT_EQ(served.response.body, "busy");
}

TEST(StartResponse, exc_info_is_raised_again_when_the_head_was_sent) {
    App app(
        "import sys\ndef application(environ, start_response):\n    start_response('200 OK', [])\n"
        "    yield b'x'\n    try:\n        raise KeyError('first')\n    except KeyError:\n"
        "        start_response('500 Oops', [], exc_info=sys.exc_info())\n    yield b'never'\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.log, "start write abort ");
    EXPECT_EQ(served.response.body, "x");
    EXPECT_THAT(served.log, HasSubstr("KeyError: 'first'"));
}

TEST(StartResponse, an_app_may_try_again_after_a_refused_call) {
    App app(
        "def application(environ, start_response):\n    try:\n        start_response('200 OK', [('A', 'b\\n')])\n"
        "    except ValueError:\n        start_response('400 Bad', [('B', 'c')])\n    return [b'x']\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.status, "400 Bad");
    EXPECT_EQ(served.response.headers, (Params{{"B", "c"}}));
}

// As a final answer it would be taken for an interim one: the client goes on waiting, or reads the next answer as its
// own.
TEST(StartResponse, an_informational_status_is_refused) {
    for (const char* status : {"100 Continue", "101 Switching Protocols", "103 Early Hints"}) {
        App app("def application(environ, start_response):\n    start_response('" + std::string(status) +
                "', [])\n    return [b'']\n");
        Served served = app.serve();
        EXPECT_EQ(served.response.status, "500 Internal Server Error") << status;
        EXPECT_THAT(served.log, HasSubstr("status must be final (200 or more), it is '" + std::string(status)));
    }
}

TEST(StartResponse, write_sends_blocks_ahead_of_the_body) {
    App app(
        "def application(environ, start_response):\n    write = start_response('200 OK', [])\n"
        "    write(b'one ')\n    write(b'')\n    write(b'two ')\n    return [b'three']\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.log, "start write write finish(1) ");
    EXPECT_EQ(served.response.body, "one two three");
}

TEST(StartResponse, write_refuses_more_than_the_declared_length) {
    App app(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Length', '3')])(b'long')\n    return []\n");
    EXPECT_THAT(app.serve().log, HasSubstr("write() was given more bytes than Content-Length declares (3)"));
}

TEST(StartResponse, objects_kept_beyond_their_request_raise_and_do_not_reach_the_next_one) {
    App app(
        "kept = []\ndef application(environ, start_response):\n"
        "    write = start_response('200 OK', [('X-Kept', str(len(kept)))])\n"
        "    kept.append((start_response, write))\n    return [b'x']\n"
        "def late(i, j):\n    try:\n        kept[i][j](*(('200 OK', []) if j == 0 else (b'late',)))\n"
        "    except RuntimeError as error:\n        return str(error)\n");
    EXPECT_EQ(app.serve().response.header_value("X-Kept"), "0");
    EXPECT_EQ(app.serve().response.header_value("X-Kept"), "1");
    EXPECT_EQ(app.eval("kept[0][0] is kept[1][0]"), "False");
    EXPECT_EQ(app.eval("late(0, 0)"), "'start_response was called after the end of its request'");
    EXPECT_EQ(app.eval("late(1, 1)"), "'write() was called after the end of its request'");
    EXPECT_EQ(app.eval("kept.clear()"), "None");
}

TEST(StartResponse, objects_that_nobody_keeps_are_used_again) {
    App app(
        "ids = set()\ndef application(environ, start_response):\n    ids.add((id(start_response), "
        "id(environ['wsgi.input'])))\n"
        "    start_response('200 OK', [])\n    return [b'x']\n");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(app.serve().response.body, "x");
    EXPECT_EQ(app.eval("len(ids)"), "1");
}

TEST(HeaderRules, every_control_character_is_found_at_every_place) {
    for (int byte = 0; byte < 256; ++byte) {
        const bool is_bad = (byte < 0x20 && byte != '\t') || byte == 0x7F;
        for (std::size_t size = 1; size <= 20; ++size) {
            for (std::size_t at = 0; at < size; ++at) {
                std::string text(size, '\xff');
                text[at] = static_cast<char>(byte);
                ASSERT_EQ(has_control(text), is_bad) << byte << " at " << at << " of " << size;
            }
        }
    }
    EXPECT_FALSE(has_control(""));
}

TEST(HeaderRules, hop_by_hop_headers_are_those_of_wsgiref) {
    for (const char* name : {"Connection", "keep-alive", "PROXY-AUTHENTICATE", "proxy-authorization", "TE", "trailers",
                             "Trailer", "Transfer-Encoding", "upgrade"}) {
        EXPECT_TRUE(is_hop_by_hop(name)) << name;
    }
    for (const char* name : {"", "X-Connection", "Connectio", "Content-Type", "T", "Upgrade-Insecure", "Proxy"}) {
        EXPECT_FALSE(is_hop_by_hop(name)) << name;
    }
}

TEST(HeaderRules, a_status_has_three_digits_a_blank_and_a_reason) {
    for (const char* text : {"200 OK", "404 ", "999 \xe9"}) EXPECT_TRUE(is_status(text)) << text;
    for (const char* text : {"", "200", "20 OK", "099 X", "2x0 OK", "200OK", " 200 OK"})
        EXPECT_FALSE(is_status(text)) << text;
}

}  // namespace
}  // namespace vassal::python::test
