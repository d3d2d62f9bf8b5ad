// SPDX-License-Identifier: Apache-2.0
// wsgiref.validate stands between the server and the app and raises on whatever either side does wrong.
#include <gmock/gmock.h>

#include "tests/unit/vassal/python/support.h"

namespace vassal::python::test {
namespace {

std::string validated(const std::string& source) {
    return "from wsgiref.validate import validator\nTEXT = [('Content-Type', 'text/plain')]\n" + source +
           "\napplication = validator(app)\n";
}

void expect_valid(const std::string& source, const RequestSpec& spec, const std::string& body) {
    App app(validated(source));
    for (int i = 0; i < 3; ++i) {
        Served served = app.serve(spec);
        EXPECT_EQ(served.response.status, "200 OK") << served.log;
        EXPECT_EQ(served.response.body, body);
        EXPECT_THAT(served.log, testing::IsEmpty());  // a body that was not closed would complain here
    }
}

TEST(Validate, a_list) {
    expect_valid("def app(environ, start_response):\n    start_response('200 OK', TEXT)\n    return [b'a', b'b']\n", {},
                 "ab");
}

TEST(Validate, a_generator) {
    expect_valid(
        "def app(environ, start_response):\n    start_response('200 OK', TEXT)\n"
        "    def body():\n        yield b'a'\n        yield b''\n        yield b'b'\n    return body()\n",
        {}, "ab");
}

TEST(Validate, write_and_a_body) {
    expect_valid("def app(environ, start_response):\n    start_response('200 OK', TEXT)(b'w')\n    return [b'b']\n", {},
                 "wb");
}

TEST(Validate, exc_info) {
    expect_valid(
        "import sys\ndef app(environ, start_response):\n    start_response('500 No', TEXT)\n"
        "    try:\n        1/0\n    except ZeroDivisionError:\n"
        "        start_response('200 OK', TEXT, sys.exc_info())\n    return [b'x']\n",
        {}, "x");
}

TEST(Validate, the_input_in_all_ways_of_reading) {
    expect_valid(
        "def app(environ, start_response):\n    i = environ['wsgi.input']\n"
        "    parts = [i.read(2), i.readline(), *i.readlines(1), *i]\n"
        "    start_response('200 OK', TEXT)\n    return [b'|'.join(parts)]\n",
        {.method = "POST", .more = {{"CONTENT_LENGTH", "11"}, {"CONTENT_TYPE", "text/plain"}}, .body = "one\ntwo\nsix"},
        "on|e\n|two\n|six");
}

TEST(Validate, errors_can_be_written_and_flushed) {
    App app(validated(
        "def app(environ, start_response):\n    e = environ['wsgi.errors']\n    e.write('noted\\n')\n"
        "    e.writelines(['a\\n', 'b\\n'])\n    e.flush()\n    start_response('200 OK', TEXT)\n    return [b'x']\n"));
    EXPECT_EQ(app.serve().log, "noted\na\nb\n");
}

TEST(Validate, a_file_wrapper) {
    expect_valid(
        "import io\ndef app(environ, start_response):\n    start_response('200 OK', TEXT)\n"
        "    return environ['wsgi.file_wrapper'](io.BytesIO(b'file'))\n",
        {}, "file");
}

TEST(Validate, an_app_object_and_a_client_that_left) {
    App app(validated(
        "class App:\n    def __call__(self, environ, start_response):\n        start_response('200 OK', TEXT)\n"
        "        return iter([b'a', b'b'])\napp = App()\n"));
    RecordingResponse response;
    response.gone_after_writes = 0;
    CapturedStderr captured;
    app.serve({}, response);
    EXPECT_EQ(response.log, "start write abort ");
    EXPECT_THAT(captured.text(), testing::IsEmpty());
}

}  // namespace
}  // namespace vassal::python::test
