// SPDX-License-Identifier: Apache-2.0
// wsgi.input over a body that is still coming: the same calls, the same results, and exceptions where it breaks off.
#include <gmock/gmock.h>

#include <algorithm>
#include <deque>

#include "tests/unit/vassal/python/support.h"
#include "vassal/python/thread_lock.h"

namespace vassal::python::test {
namespace {

using app::BodyEnd;

// Gives its pieces one by one, then ends as told.
class ScriptedStream final : public app::BodyStream {
public:
    ScriptedStream(std::deque<std::string> pieces, BodyEnd end) : pieces_(std::move(pieces)), last_(end) {}

    std::size_t read(char* to, std::size_t size) override {
        if (pieces_.empty()) {
            end_ = last_;
            return 0;
        }
        std::string& piece = pieces_.front();
        const std::size_t count = std::min(size, piece.size());
        std::copy_n(piece.data(), count, to);
        piece.erase(0, count);
        if (piece.empty()) pieces_.pop_front();
        return count;
    }
    [[nodiscard]] BodyEnd end() const noexcept override { return end_; }
    void cancel() noexcept override { ++cancelled; }

    int cancelled = 0;

private:
    std::deque<std::string> pieces_;
    BodyEnd last_, end_ = BodyEnd::none;
};

std::deque<std::string> cut(const std::string& body, std::size_t size) {
    std::deque<std::string> pieces;
    for (std::size_t at = 0; at < body.size(); at += size) pieces.push_back(body.substr(at, size));
    return pieces;
}

// The app evaluates `expression` with `i` as the input; its repr is the body.
Served run(const std::string& expression, ScriptedStream& stream, std::uint64_t size) {
    App app(
        "def application(environ, start_response):\n    i = environ['wsgi.input']\n    value = repr(" + expression +
        ").encode()\n    start_response('200 OK', [])\n    return [value]\n");
    RequestSpec spec{.method = "POST"};
    spec.stream = &stream;
    spec.body_size = size;
    return app.serve(spec);
}

// The same for pieces of every size, with the length known and not.
void expect(const std::string& body, const std::string& expression, const std::string& result) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{100'000}}) {
        for (const std::uint64_t length : {std::uint64_t{body.size()}, UINT64_MAX}) {
            ScriptedStream stream(cut(body, size), BodyEnd::complete);
            EXPECT_EQ(run(expression, stream, length).response.body, result) << expression << " " << size;
        }
    }
}

TEST(StreamInput, read_gives_what_was_asked_for_and_then_nothing) {
    expect("hello world", "(i.read(5), i.read(0), i.read(1), i.read(100), i.read(1), i.read())",
           "(b'hello', b'', b' ', b'world', b'', b'')");
    expect("hello", "(i.read(), i.read())", "(b'hello', b'')");
    expect("hello", "(i.read(-1), i.read(None))", "(b'hello', b'')");
    expect("", "(i.read(), i.readline(), i.readlines(), list(i))", "(b'', b'', [], [])");
}

TEST(StreamInput, lines_are_the_same_as_in_memory) {
    expect("ab\ncd\n\nef", "[i.readline() for _ in range(5)]", "[b'ab\\n', b'cd\\n', b'\\n', b'ef', b'']");
    expect("abcd\nef", "(i.readline(2), i.readline(3), i.readline(0), i.readline(-1))", "(b'ab', b'cd\\n', b'', b'ef')");
    expect("a\nb\nc", "i.readlines()", "[b'a\\n', b'b\\n', b'c']");
    expect("a\nb\nc", "(i.readlines(1), i.readlines(0))", "([b'a\\n'], [b'b\\n', b'c'])");
    expect("a\nb\nc", "(next(i), i.read(1), list(i))", "(b'a\\n', b'b', [b'\\n', b'c'])");
}

TEST(StreamInput, long_lines_and_large_bodies_come_whole) {
    const std::string lines = std::string(50'000, 'x') + "\n" + std::string(40'000, 'y') + "\nz";
    ScriptedStream stream(cut(lines, 1000), BodyEnd::complete);
    EXPECT_EQ(run("[len(line) for line in i]", stream, lines.size()).response.body, "[50001, 40001, 1]");
    ScriptedStream large(cut(std::string(3'000'000, 'q'), 70'000), BodyEnd::complete);
    EXPECT_EQ(run("i.read() == b'q' * 3000000", large, UINT64_MAX).response.body, "True");
}

TEST(StreamInput, a_promised_length_takes_no_memory_before_it_comes) {
    ScriptedStream stream({"abc"}, BodyEnd::client_gone);
    EXPECT_EQ(run("i.read()", stream, std::uint64_t{1} << 60).response.status, "400 Bad Request");
}

TEST(StreamInput, a_body_that_breaks_off_raises_and_is_refused) {
    const std::vector<std::pair<BodyEnd, std::pair<std::string, std::string>>> cases = {
        {BodyEnd::client_gone, {"ConnectionResetError", "400 Bad Request"}},
        {BodyEnd::timed_out, {"TimeoutError", "408 Request Timeout"}},
        {BodyEnd::too_large, {"OSError", "413 Content Too Large"}},
        {BodyEnd::malformed, {"OSError", "400 Bad Request"}}};
    for (const auto& [end, expected] : cases) {
        for (const std::string call : {"i.read()", "i.read(100)", "i.readline()", "i.readlines()", "list(i)"}) {
            ScriptedStream stream({"abc"}, end);
            const Served served = run(call, stream, 100);
            EXPECT_EQ(served.response.status, expected.second) << call;
            EXPECT_EQ(served.log, "") << call;
            EXPECT_EQ(served.response.exceptions, 0);
        }
        App app(
            "def application(environ, start_response):\n    start_response('200 OK', [])\n    try:\n"
            "        environ['wsgi.input'].read(10)\n    except OSError as error:\n"
            "        return [type(error).__name__.encode()]\n");
        ScriptedStream stream({"abc"}, end);
        RequestSpec spec{.method = "POST"};
        spec.stream = &stream;
        spec.body_size = 10;
        EXPECT_EQ(app.serve(spec).response.body, expected.first);
    }
}

TEST(StreamInput, what_came_before_the_break_can_be_read) {
    ScriptedStream stream({"abc"}, BodyEnd::client_gone);
    EXPECT_EQ(run("i.read(3)", stream, 10).response.body, "b'abc'");
}

TEST(StreamInput, another_exception_of_the_app_is_its_own) {
    ScriptedStream stream({"abc"}, BodyEnd::client_gone);
    const Served served = run("i.read(3) and 1 // 0", stream, 10);
    EXPECT_EQ(served.response.status, "500 Internal Server Error");
    EXPECT_THAT(served.log, testing::HasSubstr("ZeroDivisionError"));
}

// Waits in read() without the lock until it is cancelled.
class WaitingStream final : public app::BodyStream {
public:
    std::size_t read(char*, std::size_t) override {
        drop_held_lock();
        for (int i = 0; i < 10'000 && !is_cancelled; ++i) ::usleep(1000);
        retake_lock();
        end_ = BodyEnd::answered;
        return 0;
    }
    [[nodiscard]] BodyEnd end() const noexcept override { return end_; }
    void cancel() noexcept override { is_cancelled = true; }

    std::atomic<bool> is_cancelled{false};

private:
    BodyEnd end_ = BodyEnd::none;
};

TEST(StreamInput, a_thread_that_still_reads_is_ended_with_the_request_and_a_second_one_is_told) {
    App app(
        "import threading\nout = []\ndef application(environ, start_response):\n    i = environ['wsgi.input']\n"
        "    begun = threading.Event()\n"
        "    def read():\n        begun.set()\n        try:\n            i.read()\n"
        "        except OSError as error:\n            out.append(error.errno)\n"
        "    thread = threading.Thread(target=read)\n    thread.start()\n    begun.wait()\n"
        "    import time\n    refused = ''\n    for _ in range(1000):\n        try:\n            i.read(0)\n"
        "        except RuntimeError as error:\n            refused = str(error)\n            break\n"
        "        time.sleep(0.005)\n"
        "    out.append(thread)\n    start_response('200 OK', [])\n    return [refused.encode()]\n");
    WaitingStream stream;
    RequestSpec spec{.method = "POST"};
    spec.stream = &stream;
    spec.body_size = 10;
    EXPECT_EQ(app.serve(spec).response.body, "wsgi.input is being read by another thread");
    EXPECT_TRUE(stream.is_cancelled);
    EXPECT_EQ(app.eval("(out[0].join(10), out[1:] == [__import__('errno').ECANCELED])"), "(None, True)");
}

}  // namespace
}  // namespace vassal::python::test
