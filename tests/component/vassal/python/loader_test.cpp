// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/component/vassal/python/child.h"

namespace vassal::python::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string good = "(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n";

// "" when the app loads, else its failure.
std::string load(const std::string& app, const std::string& file, const std::string& source) {
    ChildResult result = in_child([&] {
        write_file(file, source);
        return start_and_load(options_for(app)).failure;
    });
    EXPECT_EQ(result.status.text(), "exit code 0") << result.output;
    return result.said;
}

TEST(Loader, takes_module_file_factory_and_objects) {
    EXPECT_EQ(load("hello:handler", "hello.py", "def handler" + good), "");
    EXPECT_EQ(load("hello", "hello.py", "def application" + good + "app = None\n"), "");
    EXPECT_EQ(load("hello", "hello.py", "def app" + good), "");
    EXPECT_EQ(load("site_one.wsgi:application", "site_one/wsgi.py", "def application" + good), "");
    EXPECT_EQ(load("sub/hello.py", "sub/hello.py", "def application" + good), "");
    EXPECT_EQ(load("sub/hello.py:handler", "sub/hello.py", "def handler" + good), "");
    EXPECT_EQ(load("./hello.py", "hello.py", "# -*- coding: latin-1 -*-\ndef app" + good), "");
    EXPECT_EQ(load("hello:make()", "hello.py", "def application" + good + "def make():\n    return application\n"), "");
    EXPECT_EQ(load("hello:obj", "hello.py", "class A:\n  def __call__(self, e, s):\n    pass\nobj = A()\n"), "");
    EXPECT_EQ(load("hello:holder.app", "hello.py", "class holder:\n    app = staticmethod(lambda e, s: [])\n"), "");
}

TEST(Loader, calls_a_factory_once) {
    ChildResult result = in_child([] {
        write_file("hello.py", "calls = []\ndef make():\n    calls.append(1)\n    return lambda e, s: []\n");
        Loaded loaded = start_and_load(options_for("hello:make()"));
        return loaded.failure + evaluate("hello.calls", "hello");
    });
    EXPECT_EQ(result.said, "[1]");
}

TEST(Loader, names_the_callables_that_there_are) {
    EXPECT_THAT(load("x", "x.py", "from os.path import join\nimport os\ndef create_app(): pass\nclass Site: pass\n"),
                StartsWith("import|module 'x' has no 'application' or 'app'; callables there: create_app, Site "
                           "(write x:create_app() for a factory)|"));
    EXPECT_THAT(load("x:handlr", "x.py", "def handler(): pass\n"),
                StartsWith("import|module 'x' has no 'handlr', did you mean 'handler'?; callables there: handler|"));
    EXPECT_THAT(load("x", "x.py", "_hidden = print\n"),
                StartsWith("import|module 'x' has no 'application' or 'app'; there is no callable in it|"));
    EXPECT_THAT(load("d/x.py", "d/x.py", "def f(): pass\n"),
                StartsWith("import|file 'd/x.py' has no 'application' or 'app'"));
}

TEST(Loader, a_missing_module_shows_where_python_looked) {
    const std::string failure = load("crm.wsgi:application", "other.py", "");
    EXPECT_THAT(failure,
                StartsWith("import|ModuleNotFoundError: No module named 'crm'|"
                           "ModuleNotFoundError: No module named 'crm'\nPython looked in:\n  /tmp/python_component_"));
    EXPECT_THAT(failure, HasSubstr("  /usr/lib/python3.11\n"));
}

TEST(Loader, a_working_directory_that_was_removed_is_told_of) {
    ChildResult result = in_child([] {
        write_file("release/other.py", "");
        std::filesystem::current_path("release");
        std::filesystem::remove_all(std::filesystem::path("../release"));
        return start_and_load(options_for("crm.wsgi:application")).failure;
    });
    EXPECT_THAT(result.said, StartsWith("import|ModuleNotFoundError: No module named 'crm'; the directory that this generation "
                                        "was started in was removed: reload the app|"));
}

TEST(Loader, an_import_that_fails_within_the_app_gives_pythons_traceback_and_no_other_frame) {
    const std::string failure = load("x", "x.py", "import sys\nimport no_such_library\n");
    EXPECT_THAT(failure, testing::MatchesRegex("import.ModuleNotFoundError: No module named 'no_such_library'."
                                               "Traceback .most recent call last.:\n"
                                               "  File \"/tmp/python_component_[^/]*/x.py\", line 2, in <module>\n"
                                               "    import no_such_library\n"
                                               "ModuleNotFoundError: No module named 'no_such_library'\n"));
}

TEST(Loader, other_failures_of_the_module_are_told_as_python_tells_them) {
    EXPECT_THAT(load("x", "x.py", "def broken(:\n"), StartsWith("import|SyntaxError: invalid syntax"));
    EXPECT_THAT(load("d/x.py", "d/x.py", "def broken(:\n"), HasSubstr("|  File \""));
    EXPECT_THAT(load("x", "x.py", "import sys\nsys.exit(3)\n"), StartsWith("import|SystemExit: 3|Traceback"));
    EXPECT_THAT(load("x", "x.py", "raise KeyboardInterrupt\n"), StartsWith("import|KeyboardInterrupt|Traceback"));
    EXPECT_THAT(
        load("x", "x.py", "try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('late') from e\n"),
        HasSubstr("The above exception was the direct cause"));
    EXPECT_THAT(load("none.py", "x.py", ""),
                StartsWith("import|FileNotFoundError: [Errno 2] No such file or directory: '"));
    EXPECT_THAT(load("x:make()", "x.py", "def make():\n    raise ValueError('no key')\n"),
                EndsWith("in make\n    raise ValueError('no key')\nValueError: no key\n"));
}

TEST(Loader, what_cannot_be_called_is_refused) {
    EXPECT_THAT(load("x", "x.py", "application = 'text'\n"),
                StartsWith("import|x:application is 'text', a WSGI app must be callable|"));
    EXPECT_THAT(load("x:make()", "x.py", "def make():\n    pass\n"),
                StartsWith("import|x:make() returned None, a WSGI app must be callable|"));
    EXPECT_THAT(load("x", "x.py", "async def app(scope, receive, send): pass\n"),
                StartsWith("import|x:app is asynchronous (ASGI); only WSGI apps are served|"));
    EXPECT_THAT(load("x", "x.py", "class A:\n  async def __call__(self, scope, receive, send): pass\napp = A()\n"),
                HasSubstr("is asynchronous (ASGI)"));
    EXPECT_THAT(load(":app", "x.py", ""), StartsWith("import|app ':app' names no module|"));
}

TEST(Loader, a_files_neighbours_can_be_imported_and_shadow_nothing) {
    ChildResult result = in_child([] {
        write_file("sub/app.py", "import helper, logging\nfrom app import other\ndef application(e, s): pass\n");
        write_file("sub/helper.py", "");
        write_file("sub/logging.py", "raise RuntimeError('shadowed')\n");
        write_file("app.py", "other = 1\n");
        return start_and_load(options_for("sub/app.py")).failure;
    });
    EXPECT_EQ(result.said, "");
}

TEST(Loader, a_file_named_like_a_library_module_does_not_replace_it) {
    ChildResult result = in_child([] {
        write_file("sub/calendar.py",
                   "import calendar\nname = __name__\nmonths = calendar.month_name\ndef app(e, s): pass\n");
        Loaded loaded = start_and_load(options_for("sub/calendar.py"));
        return loaded.failure + evaluate("_vassal_file_calendar.months[1]", "_vassal_file_calendar");
    });
    EXPECT_EQ(result.said, "'January'");
}

}  // namespace
}  // namespace vassal::python::test
