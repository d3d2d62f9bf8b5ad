// SPDX-License-Identifier: Apache-2.0
// Bodies, close(), and what the log says of apps that fail or break PEP 3333.
#include <gmock/gmock.h>

#include "tests/unit/vassal/python/support.h"

namespace vassal::python::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

const std::string ok = "start_response('200 OK', [('Content-Type', 'text/plain')])\n";

TEST(Serve, a_list_of_one_block_leaves_in_one_call) {
    App app("def application(environ, start_response):\n    " + ok + "    return [b'hello']\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.log, "start finish(1) ");
    EXPECT_EQ(served.response.status, "200 OK");
    EXPECT_EQ(served.response.body, "hello");
    EXPECT_EQ(served.response.header_value("Content-Type"), "text/plain");
    EXPECT_THAT(served.log, IsEmpty());
}

TEST(Serve, lists_and_tuples_of_many_blocks_leave_in_one_call_without_their_empty_ones) {
    App app("def application(environ, start_response):\n    " + ok + "    return (b'a', b'', b'b', b'c')\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.log, "start finish(3) ");
    EXPECT_EQ(served.response.body, "abc");
}

TEST(Serve, an_empty_list_is_an_empty_body) {
    App app("def application(environ, start_response):\n    " + ok + "    return []\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.log, "start finish(0) ");
}

TEST(Serve, each_block_of_a_generator_is_written_before_the_next_one_is_asked_for) {
    App app("seen = []\ndef application(environ, start_response):\n    " + ok +
            "    for i in range(3):\n        seen.append(i)\n        yield b'%d' % i\n");
    RecordingResponse response;
    std::vector<std::string> at_write;
    response.on_write = [&] { at_write.push_back(app.eval("seen")); };
    app.serve({}, response);
    EXPECT_THAT(at_write, testing::ElementsAre("[0]", "[0, 1]", "[0, 1, 2]"));
    EXPECT_EQ(response.log, "start write write write finish(0) ");
    EXPECT_EQ(response.body, "012");
}

TEST(Serve, a_generator_may_call_start_response_when_its_first_block_is_asked_for) {
    App app("def application(environ, start_response):\n    yield b''\n    " + ok + "    yield b'late'\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.status, "200 OK");
    EXPECT_EQ(served.response.body, "late");
}

TEST(Serve, the_block_that_completes_the_declared_length_finishes_the_response_and_iteration_goes_on) {
    App app(
        "done = []\ndef application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Length', '4')])\n"
        "    yield b'ab'\n    yield b'cd'\n    done.append('behind')\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.log, "start write finish(1) ");
    EXPECT_EQ(served.response.body, "abcd");
    EXPECT_EQ(app.eval("done"), "['behind']");
}

TEST(Serve, a_body_longer_than_its_content_length_is_cut_and_logged) {
    for (const char* body : {"[b'abcdef', b'g']", "iter([b'abcdef', b'g'])", "iter([b'ab', b'cdef'])"}) {
        App app(
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [('Content-Length', '4')])\n    return " +
            std::string(body) + "\n");
        Served served = app.serve();
        EXPECT_EQ(served.response.body, "abcd") << body;
        EXPECT_THAT(served.log, HasSubstr("longer than its Content-Length (4)")) << body;
        EXPECT_EQ(served.response.exceptions, 1) << body;
    }
}

TEST(Serve, a_body_shorter_than_its_content_length_is_logged) {
    for (const char* body : {"[b'ab', b'c']", "iter([b'ab', b'c'])", "[]", "iter([])",
                             "environ['wsgi.file_wrapper'](__import__('io').BytesIO(b'abc'))"}) {
        App app(
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [('Content-Length', '10')])\n    return " +
            std::string(body) + "\n");
        Served served = app.serve();
        EXPECT_THAT(served.log, HasSubstr("shorter than its Content-Length (")) << body;
        EXPECT_EQ(served.response.exceptions, 1) << body;
    }
}

TEST(Serve, a_length_without_a_body_is_right_where_there_is_none) {
    for (const char* status : {"204 No Content", "304 Not Modified"}) {
        App app("def application(environ, start_response):\n    start_response('" + std::string(status) +
                "', [('Content-Length', '10')])\n    return []\n");
        EXPECT_THAT(app.serve().log, IsEmpty()) << status;
    }
    App app(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Length', '10')])\n    return []\n");
    EXPECT_THAT(app.serve({.method = "HEAD"}).log, IsEmpty());
}

TEST(Serve, a_client_that_left_is_no_short_body) {
    App app(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Length', '10')])\n    yield b'a'\n    yield b'b'\n");
    RecordingResponse response;
    response.gone_after_writes = 0;
    app.serve({}, response);
    EXPECT_EQ(response.exceptions, 0);
}

TEST(Serve, an_endless_body_ends_at_its_content_length) {
    App app(
        "import itertools\ndef application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Length', '4')])\n    return itertools.repeat(b'xyz')\n");
    EXPECT_EQ(app.serve().response.body, "xyzx");
}

TEST(Serve, close_is_called_after_the_last_block) {
    App app(
        "closed = []\nclass Body:\n    def __iter__(self):\n        return iter([b'x'])\n"
        "    def close(self):\n        closed.append(1)\n"
        "def application(environ, start_response):\n    " +
        ok + "    return Body()\n");
    EXPECT_EQ(app.serve().response.body, "x");
    EXPECT_EQ(app.eval("closed"), "[1]");
}

TEST(Serve, close_is_called_also_when_the_body_raises_or_breaks_a_rule) {
    for (const char* block : {"raise KeyError('broken')", "return 'text'", "return b'x'"}) {
        App app(
            "closed = []\nclass Body:\n    def __iter__(self):\n        return self\n    def __next__(self):\n       "
            " " +
            std::string(block) +
            "\n    def close(self):\n        closed.append(1)\n"
            "def application(environ, start_response):\n    return Body()\n");
        EXPECT_EQ(app.serve().response.status, "500 Internal Server Error") << block;
        EXPECT_EQ(app.eval("closed"), "[1]") << block;
    }
}

TEST(Serve, what_a_generator_does_at_its_end_runs_when_the_client_left) {
    App app("log = []\ndef application(environ, start_response):\n    " + ok +
            "    try:\n        yield b'a'\n        yield b'b'\n    finally:\n        log.append('released')\n");
    RecordingResponse response;
    response.gone_after_writes = 0;
    app.serve({}, response);
    EXPECT_EQ(app.eval("log"), "['released']");
}

TEST(Serve, a_list_subclass_is_iterated_its_own_way_and_closed) {
    App app(
        "closed = []\nclass Body(list):\n    def __iter__(self):\n        return iter([b'own'])\n"
        "    def close(self):\n        closed.append(1)\n"
        "def application(environ, start_response):\n    " +
        ok + "    return Body([b'stored'])\n");
    EXPECT_EQ(app.serve().response.body, "own");
    EXPECT_EQ(app.eval("closed"), "[1]");
}

TEST(Serve, a_client_that_left_ends_the_iteration_with_close_and_without_noise) {
    App app(
        "log = []\nclass Body:\n    def __iter__(self):\n        return self\n    def __next__(self):\n"
        "        log.append('next')\n        return b'x'\n    def close(self):\n        log.append('close')\n"
        "def application(environ, start_response):\n    " +
        ok + "    return Body()\n");
    Served served;
    served.response.gone_after_writes = 1;
    CapturedStderr captured;
    app.serve({}, served.response);
    EXPECT_EQ(app.eval("log"), "['next', 'next', 'close']");
    EXPECT_EQ(served.response.log, "start write write abort ");
    EXPECT_EQ(served.response.exceptions, 0);
    EXPECT_THAT(captured.text(), IsEmpty());
}

TEST(Serve, write_to_a_client_that_left_raises_in_the_app_and_stays_out_of_the_log) {
    App app("def application(environ, start_response):\n    write = " + ok + "    write(b'x')\n    return [b'y']\n");
    RecordingResponse response;
    response.gone_after_writes = 0;
    CapturedStderr captured;
    app.serve({}, response);
    EXPECT_EQ(response.log, "start write abort ");
    EXPECT_THAT(captured.text(), IsEmpty());
}

TEST(Serve, an_app_that_swallows_the_departure_of_the_client_sends_nothing_more) {
    App app("def application(environ, start_response):\n    write = " + ok +
            "    try:\n        write(b'x')\n    except ConnectionError:\n        pass\n    return [b'y']\n");
    RecordingResponse response;
    response.gone_after_writes = 0;
    app.serve({}, response);
    EXPECT_EQ(response.log, "start write abort ");
    EXPECT_EQ(response.body, "");
}

TEST(Serve, an_exception_with_a_huge_message_is_shortened_in_the_log) {
    App app("def application(environ, start_response):\n    raise ValueError('x' * 5000000)\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.status, "500 Internal Server Error");
    EXPECT_LT(served.log.size(), 80000U);
    EXPECT_THAT(served.log, HasSubstr("in application"));
}

TEST(Serve, an_exception_that_cannot_be_shown_is_still_logged) {
    App app(
        "class Bad(Exception):\n    def __str__(self):\n        raise RuntimeError('no text')\n"
        "def application(environ, start_response):\n    raise Bad()\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.status, "500 Internal Server Error");
    EXPECT_THAT(served.log, HasSubstr("GET /path: app_under_test.Bad: <app_under_test.Bad object>\nTraceback"));
}

TEST(Serve, an_exception_becomes_a_500_with_a_request_id_and_a_traceback_of_the_apps_frames) {
    App app(
        "def helper():\n    raise ValueError('no such\\nuser')\n"
        "def application(environ, start_response):\n    helper()\n");
    Served served = app.serve({.path = "/users/\n7"});
    EXPECT_EQ(served.response.status, "500 Internal Server Error");
    const std::string id = served.response.header_value("X-Request-ID");
    EXPECT_EQ(id, "0123456789abcdef") << "the request's own";
    EXPECT_EQ(served.response.body, "Internal Server Error\nrequest id: " + id + "\n");
    EXPECT_EQ(served.response.header_value("Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(served.response.exceptions, 1);
    EXPECT_THAT(served.log,
                StartsWith("request " + id +
                           " GET /users/\\n7: ValueError: no such\\nuser\nTraceback (most recent call last):\n"
                           "  File \"app_under_test.py\", line 4, in application\n"));
    EXPECT_THAT(served.log, EndsWith("ValueError: no such\nuser\n"));
}

TEST(Serve, an_exception_after_start_response_still_becomes_a_500) {
    App app("def application(environ, start_response):\n    " + ok + "    raise KeyError('x')\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.status, "500 Internal Server Error");
    EXPECT_EQ(served.response.header_value("Content-Type"), "text/plain; charset=utf-8");
}

TEST(Serve, an_exception_behind_the_first_block_aborts_the_connection) {
    App app("def application(environ, start_response):\n    " + ok + "    yield b'part'\n    raise KeyError('x')\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.log, "start write abort ");
    EXPECT_THAT(served.log, HasSubstr("KeyError: 'x'"));
    EXPECT_EQ(served.response.exceptions, 1);
}

TEST(Serve, an_exception_behind_a_finished_response_is_only_logged) {
    App app(
        "def application(environ, start_response):\n    start_response('200 OK', [('Content-Length', '1')])\n"
        "    yield b'x'\n    raise KeyError('late')\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.log, "start finish(1) ");
    EXPECT_THAT(served.log, HasSubstr("KeyError: 'late'"));
}

TEST(Serve, system_exit_and_keyboard_interrupt_end_the_request_only) {
    for (const char* what : {"SystemExit", "KeyboardInterrupt"}) {
        App app("def application(environ, start_response):\n    raise " + std::string(what) + "('now')\n");
        Served served = app.serve();
        EXPECT_EQ(served.response.status, "500 Internal Server Error");
        EXPECT_THAT(served.log, HasSubstr(std::string("/path: ") + what + ": now\nTraceback"));
    }
}

TEST(Serve, a_failing_close_is_logged_and_does_not_touch_the_response) {
    App app(
        "class Body:\n    def __iter__(self):\n        return iter([b'x'])\n"
        "    def close(self):\n        raise OSError('disk')\n"
        "def application(environ, start_response):\n    " +
        ok + "    return Body()\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.body, "x");
    EXPECT_THAT(served.log, HasSubstr("in close(): OSError: disk\nTraceback"));
}

struct Rule {
    const char* body;
    const char* says;
};

class BrokenRule : public testing::TestWithParam<Rule> {};

TEST_P(BrokenRule, is_a_500_and_the_log_names_the_rule_and_the_culprit) {
    App app("def application(environ, start_response):\n    " + std::string(GetParam().body) + "\n");
    Served served = app.serve();
    EXPECT_EQ(served.response.status, "500 Internal Server Error") << GetParam().body;
    EXPECT_THAT(served.log, HasSubstr(GetParam().says));
    EXPECT_THAT(served.log, StartsWith("request " + served.response.header_value("X-Request-ID") + " GET /path: "));
    EXPECT_EQ(served.response.exceptions, 1);
}

INSTANTIATE_TEST_SUITE_P(
    Serve, BrokenRule,
    testing::Values(
        Rule{"start_response('200 OK', []); return 'text'",
             "PEP 3333: app_under_test:application must return an iterable of bytes, it returned str 'text' (return "
             "[text.encode()])\n"},
        Rule{"start_response('200 OK', []); return b'raw'",
             "it returned bytes itself, whose items are numbers (return [body])\n"},
        Rule{"start_response('200 OK', []); return None", "must return an iterable of bytes, it returned None\n"},
        Rule{"start_response('200 OK', []); return 7", "must return an iterable of bytes, it returned int\n"},
        Rule{"start_response('200 OK', []); return [b'x', 'y']",
             "PEP 3333: item 1 of the list from app_under_test:application must be bytes, it is str 'y'\n"},
        Rule{"start_response('200 OK', []); return [None]",
             "item 0 of the list from app_under_test:application must be bytes, it is None"},
        Rule{"start_response('200 OK', []); yield 'y'",
             "PEP 3333: generator application (app_under_test.py, line 2) from app_under_test:application must yield "
             "bytes, it yielded str 'y'\n"},
        Rule{"start_response('200 OK', []); return iter([bytearray(b'x')])",
             "the list_iterator from app_under_test:application must yield bytes, it yielded bytearray"},
        Rule{"return [b'x']", "PEP 3333: app_under_test:application did not call start_response before its body\n"},
        Rule{"return []", "did not call start_response before its body"},
        Rule{"yield b'x'", "did not call start_response before its body"},
        Rule{"return iter([])", "did not call start_response before its body"},
        Rule{"start_response('200', []); return []",
             "ValueError: PEP 3333: status must be like '200 OK', it is '200'\n"},
        Rule{"start_response(200, []); return []", "TypeError: PEP 3333: status must be a str, it is 200\n"},
        Rule{"start_response('2000 OK', []); return []", "status must be like '200 OK'"},
        Rule{"start_response('200 \\u20ac', []); return []", "PEP 3333: status must be Latin-1"},
        Rule{"start_response('200 O\\nK', []); return []", "PEP 3333: status must not contain control characters"},
        Rule{"start_response('200 OK', {}); return []", "PEP 3333: headers must be a list of tuples, it is {}\n"},
        Rule{"start_response('200 OK', [['a', 'b']]); return []",
             "PEP 3333: a header must be a tuple (name, value), it is ['a', 'b']\n"},
        Rule{"start_response('200 OK', [('a', 'b', 'c')]); return []", "a header must be a tuple (name, value)"},
        Rule{"start_response('200 OK', [('a', 1)]); return []",
             "name and value of a header must be str, the header is ('a', 1)\n"},
        Rule{"start_response('200 OK', [(b'a', 'b')]); return []", "name and value of a header must be str"},
        Rule{"start_response('200 OK', [('a', 'x\\r\\nSet-Cookie: y')]); return []",
             "must not contain control characters"},
        Rule{"start_response('200 OK', [('a', 'long enough for a word\\0')]); return []",
             "must not contain control characters"},
        Rule{"start_response('200 OK', [('a', '\\u0100')]); return []", "headers must be Latin-1"},
        Rule{"start_response('200 OK', [('a b', 'c')]); return []",
             "the header name is not valid in HTTP: ('a b', 'c')\n"},
        Rule{"start_response('200 OK', [('', 'c')]); return []", "the header name is not valid in HTTP"},
        Rule{"start_response('200 OK', [('Connection', 'close')]); return []",
             "an app must not set hop-by-hop headers: ('Connection', 'close')\n"},
        Rule{"start_response('200 OK', [('transfer-encoding', 'chunked')]); return []", "hop-by-hop"},
        Rule{"start_response('200 OK', [('Content-Length', '-1')]); return []",
             "the value of Content-Length must be a number"},
        Rule{"start_response('200 OK', [('Content-Length', '99999999999999999999')]); return []", "must be a number"},
        Rule{"start_response('200 OK', [('Content-Length', '1'), ('Content-Length', '2')]); return []",
             "Content-Length is set twice"},
        Rule{"start_response('200 OK', []); start_response('200 OK', [])",
             "PEP 3333: start_response was called twice without exc_info"},
        Rule{"start_response('200 OK')", "PEP 3333: start_response takes (status, headers, exc_info=None)"},
        Rule{"start_response('200 OK', [], 7)", "exc_info must be what sys.exc_info() returns"},
        Rule{"start_response('200 OK', [])('text')", "PEP 3333: write() takes bytes, it was given 'text'"}));

}  // namespace
}  // namespace vassal::python::test
