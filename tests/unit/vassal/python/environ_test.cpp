// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/unit/vassal/python/support.h"
#include "vassal/python/key_cache.h"

namespace vassal::python::test {
namespace {

// Answers with repr(expression) where `e` is the environ.
std::string viewer(const std::string& expression) {
    return "import sys\nkept = []\ndef application(environ, start_response):\n    e = environ\n"
           "    start_response('200 OK', [])\n    return [repr(" +
           expression + ").encode()]\n";
}

TEST(Environ, has_the_variables_of_the_request_and_those_of_pep_3333) {
    App app(viewer("sorted(e)"));
    EXPECT_EQ(
        app.serve().response.body,
        "['HTTP_HOST', 'PATH_INFO', 'QUERY_STRING', 'REQUEST_METHOD', 'SCRIPT_NAME', 'SERVER_NAME', 'SERVER_PORT', "
        "'SERVER_PROTOCOL', 'emperor.request_id', 'wsgi.errors', 'wsgi.file_wrapper', 'wsgi.input', 'wsgi.input_terminated', "
        "'wsgi.multiprocess', 'wsgi.multithread', 'wsgi.run_once', 'wsgi.url_scheme', 'wsgi.version']");
}

TEST(Environ, constants_are_true_to_the_configuration) {
    const std::string expression =
        "(e['wsgi.version'], e['wsgi.multithread'], e['wsgi.multiprocess'], e['wsgi.run_once'], e['wsgi.errors'] is "
        "sys.stderr)";
    {
        App one(viewer(expression));  // a thread serves one app at a time
        EXPECT_EQ(one.serve().response.body, "((1, 0), False, False, False, True)");
    }
    App many(viewer(expression), true, true);
    EXPECT_EQ(many.serve().response.body, "((1, 0), True, True, False, True)");
}

TEST(Environ, the_url_scheme_is_the_requests) {
    App app(viewer("e['wsgi.url_scheme']"));
    for (const char* scheme : {"https", "http", "https", "http", "https", "http"}) {
        EXPECT_EQ(app.serve({.url_scheme = scheme}).response.body, std::string("'").append(scheme).append("'"));
    }
}

TEST(Environ, each_request_has_its_own_id_also_when_the_app_keeps_the_former_ones) {
    App app(viewer("(e['emperor.request_id'], {e['emperor.request_id']: 1}, kept.append(e['emperor.request_id']))"));
    const auto serve = [&](const std::string& id) {
        EXPECT_EQ(app.serve({.request_id = id}).response.body, "('" + id + "', {'" + id + "': 1}, None)");
    };
    for (const char* id : {"0000000000000001", "0000000000000002", "from-the-front-end", "0000000000000003"}) serve(id);
    EXPECT_EQ(app.eval("kept"), "['0000000000000001', '0000000000000002', 'from-the-front-end', '0000000000000003']");
    EXPECT_EQ(app.eval("kept.clear()"), "None");
    for (const char* id : {"0000000000000004", "0000000000000005"}) {
        serve(id);
        EXPECT_EQ(app.eval("[hash(kept.pop()) == hash('" + std::string(id) + "')]"), "[True]");
    }
}

TEST(Environ, values_are_latin_1_of_the_bytes) {
    App app(viewer("(e['PATH_INFO'], type(e['PATH_INFO']))"));
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(app.serve({.path = "/\xc3\xa9"}).response.body, "('/\xc3\x83\xc2\xa9', <class 'str'>)");
}

TEST(Environ, is_a_plain_dict_that_the_app_may_change_without_effect_on_the_next_request) {
    App app(
        viewer("(type(e) is dict, e.pop('PATH_INFO'), e.pop('wsgi.version'), e.setdefault('X', 'new'), "
               "e.update(HTTP_HOST='evil'))"));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(app.serve().response.body, "(True, '/path', (1, 0), 'new', None)") << i;
}

TEST(Environ, changing_values_arrive_whatever_came_before) {
    App app(viewer("(e['PATH_INFO'], e.get('HTTP_COOKIE'), e.get('HTTP_A'), e.get('HTTP_B'))"));
    const std::string longer(300, 'l');
    for (int i = 0; i < 6; ++i) {
        const std::string number = std::to_string(i);
        EXPECT_EQ(app.serve({.path = "/" + number, .more = {{"HTTP_COOKIE", "c" + number}}}).response.body,
                  "('/" + number + "', 'c" + number + "', None, None)");
        EXPECT_EQ(
            app.serve({.path = "/x", .more = {{"HTTP_B", i % 2 == 0 ? longer : "s"}, {"HTTP_A", "a"}}}).response.body,
            "('/x', None, 'a', '" + (i % 2 == 0 ? longer : "s") + "')");
        EXPECT_EQ(app.serve({.more = {{"HTTP_A", number}, {"HTTP_B", "b"}}}).response.body,
                  "('/path', None, '" + number + "', 'b')");
    }
}

TEST(Environ, repeated_values_are_the_same_objects) {
    App app(viewer("kept.append([e[k] for k in ('PATH_INFO', 'HTTP_HOST', 'HTTP_ACCEPT')])"));
    for (int i = 0; i < 4; ++i) app.serve({.path = "/same/path", .more = {{"HTTP_ACCEPT", "text/html, a/b"}}});
    EXPECT_EQ(app.eval("[len({id(row[i]) for row in kept}) for i in range(3)]"), "[1, 1, 1]");
}

TEST(Environ, secrets_and_long_values_are_not_remembered) {
    App app(viewer("kept.append([e[k] for k in ('HTTP_COOKIE', 'HTTP_AUTHORIZATION', 'HTTP_REFERER')])"));
    for (int i = 0; i < 4; ++i) {
        app.serve({.more = {{"HTTP_COOKIE", "session=1"},
                            {"HTTP_AUTHORIZATION", "Basic abc"},
                            {"HTTP_REFERER", std::string(129, 'r')}}});
    }
    EXPECT_EQ(app.eval("[len({id(row[i]) for row in kept}) for i in range(3)]"), "[4, 4, 4]");
    EXPECT_EQ(app.eval("[max(sys.getrefcount(row[i]) for row in kept) for i in range(3)]"), "[2, 2, 2]");
}

TEST(Environ, more_names_than_the_cache_holds_still_arrive) {
    App app(viewer("sum(1 for k in e if k.startswith('HTTP_X_'))"));
    for (int round = 0; round < 6; ++round) {
        Params many;
        for (int i = 0; i < 100; ++i) {
            many.emplace_back("HTTP_X_" + std::to_string(round) + "_" + std::to_string(i), "v");
        }
        EXPECT_EQ(app.serve({.more = many}).response.body, "100");
        EXPECT_EQ(app.serve({.more = many}).response.body, "100");
        EXPECT_EQ(app.serve({.more = many}).response.body, "100");
    }
    EXPECT_EQ(app.serve({.more = {{"HTTP_X_1", "v"}}}).response.body, "1");
}

TEST(Environ, a_body_without_a_declared_length_gets_one) {
    App app(viewer("(e.get('CONTENT_LENGTH'), e['wsgi.input'].read())"));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(app.serve({.body = "four"}).response.body, "('4', b'four')");
        EXPECT_EQ(app.serve({.more = {{"CONTENT_LENGTH", "4"}}, .body = "four"}).response.body, "('4', b'four')");
        EXPECT_EQ(app.serve().response.body, "(None, b'')");
    }
}

TEST(KeyCache, is_bounded_and_tells_names_apart_that_look_alike) {
    KeyCache cache;
    const std::size_t seeded = cache.size();
    EXPECT_LT(seeded, max_cached_keys / 2);
    KeyEntry* first = cache.find("HTTP_X_AAAAAAAA_1_ZZZZZZZZ");
    KeyEntry* second = cache.find("HTTP_X_AAAAAAAA_2_ZZZZZZZZ");
    ASSERT_NE(first, nullptr);
    EXPECT_NE(first, second);
    EXPECT_EQ(cache.find("HTTP_X_AAAAAAAA_1_ZZZZZZZZ"), first);
    for (int i = 0; i < 1000; ++i) static_cast<void>(cache.find("HTTP_X_" + std::to_string(i)));
    EXPECT_EQ(cache.size(), max_cached_keys);
    EXPECT_EQ(cache.find("HTTP_X_AAAAAAAA_2_ZZZZZZZZ"), second);
    EXPECT_EQ(cache.find("HTTP_NEVER_SEEN"), nullptr);
    EXPECT_NE(cache.find("HTTP_HOST"), nullptr);
}

}  // namespace
}  // namespace vassal::python::test
