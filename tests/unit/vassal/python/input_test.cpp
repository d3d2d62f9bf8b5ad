// SPDX-License-Identifier: Apache-2.0
// wsgi.input gives the same whether the body lies in memory or in a file.
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/unique_fd.h"
#include "tests/unit/vassal/python/support.h"

namespace vassal::python::test {
namespace {

// The app evaluates `expression` with `i` as the input; its repr is the body.
App reader(const std::string& expression) {
    return App(
        "def application(environ, start_response):\n    i = environ['wsgi.input']\n"
        "    start_response('200 OK', [])\n    return [repr(" +
        expression + ").encode()]\n");
}

class Input : public testing::TestWithParam<bool> {
protected:
    std::string read(const std::string& body, const std::string& expression) {
        App app = reader(expression);
        RequestSpec spec{.method = "POST"};
        common::UniqueFd file;
        if (GetParam()) {
            file.reset(::memfd_create("body", MFD_CLOEXEC));
            const std::string beyond = body + "beyond the body\n";
            EXPECT_EQ(::write(file.get(), beyond.data(), beyond.size()), static_cast<ssize_t>(beyond.size()));
            spec.body_file = file.get();
            spec.body_size = body.size();
        } else {
            spec.body = body;
        }
        Served served = app.serve(spec);
        return served.response.status == "200 OK" ? served.response.body : served.log;
    }
};

INSTANTIATE_TEST_SUITE_P(MemoryAndFile, Input, testing::Bool());

TEST_P(Input, read_gives_what_was_asked_for_and_then_nothing) {
    EXPECT_EQ(read("hello world", "(i.read(5), i.read(0), i.read(1), i.read(100), i.read(1), i.read())"),
              "(b'hello', b'', b' ', b'world', b'', b'')");
    EXPECT_EQ(read("hello", "(i.read(), i.read())"), "(b'hello', b'')");
    EXPECT_EQ(read("hello", "(i.read(-1), i.read(None))"), "(b'hello', b'')");
    EXPECT_EQ(read("", "(i.read(), i.readline(), i.readlines(), list(i))"), "(b'', b'', [], [])");
}

TEST_P(Input, readline_ends_at_the_newline_or_at_its_limit) {
    EXPECT_EQ(read("ab\ncd\n\nef", "[i.readline() for _ in range(5)]"), "[b'ab\\n', b'cd\\n', b'\\n', b'ef', b'']");
    EXPECT_EQ(read("abcd\nef", "(i.readline(2), i.readline(3), i.readline(0), i.readline(-1))"),
              "(b'ab', b'cd\\n', b'', b'ef')");
}

TEST_P(Input, readlines_takes_whole_lines_up_to_the_hint) {
    EXPECT_EQ(read("a\nb\nc", "i.readlines()"), "[b'a\\n', b'b\\n', b'c']");
    EXPECT_EQ(read("a\nb\nc", "(i.readlines(1), i.readlines(0))"), "([b'a\\n'], [b'b\\n', b'c'])");
}

TEST_P(Input, iteration_gives_lines_and_mixes_with_read) {
    EXPECT_EQ(read("a\nb\nc", "(next(i), i.read(1), list(i))"), "(b'a\\n', b'b', [b'\\n', b'c'])");
    EXPECT_EQ(read("a\nb\n", "iter(i) is i"), "True");
}

TEST_P(Input, lines_longer_than_any_buffer_come_whole) {
    const std::string body = std::string(50000, 'x') + "\n" + std::string(40000, 'y') + "\nz";
    EXPECT_EQ(read(body, "[len(line) for line in i]"), "[50001, 40001, 1]");
    EXPECT_EQ(read(body, "(len(i.readline(20000)), len(i.readline()), len(i.read()))"), "(20000, 30001, 40002)");
}

TEST_P(Input, a_large_body_comes_whole) {
    EXPECT_EQ(read(std::string(3000000, 'q'), "i.read() == b'q' * 3000000"), "True");
}

TEST_P(Input, wrong_arguments_are_type_errors) {
    EXPECT_THAT(read("x", "i.read('1')"), testing::HasSubstr("TypeError"));
    EXPECT_THAT(read("x", "i.read(1, 2)"), testing::HasSubstr("TypeError"));
}

TEST(InputKept, beyond_its_request_raises_and_does_not_see_the_next_body) {
    App app(
        "kept = []\ndef application(environ, start_response):\n    kept.append(environ)\n"
        "    start_response('200 OK', [])\n    return [environ['wsgi.input'].read(2)]\n"
        "def late(i):\n    try:\n        return kept[i]['wsgi.input'].read()\n"
        "    except ValueError as error:\n        return str(error)\n");
    for (int i = 0; i < 4; ++i) {  // also after the shape of this request was learned
        EXPECT_EQ(app.serve({.body = "body"}).response.body, "bo");
        EXPECT_EQ(app.eval("late(" + std::to_string(i) + ")"), "'wsgi.input was used after the end of its request'");
    }
    EXPECT_EQ(app.eval("len({id(e['wsgi.input']) for e in kept})"), "4");
}

TEST(InputFile, a_file_shorter_than_the_body_is_an_error) {
    common::UniqueFd file(::memfd_create("body", MFD_CLOEXEC));
    App app = reader("i.read()");
    EXPECT_THAT(app.serve({.body_file = file.get(), .body_size = 3}).log, testing::HasSubstr("OSError"));
}

}  // namespace
}  // namespace vassal::python::test
