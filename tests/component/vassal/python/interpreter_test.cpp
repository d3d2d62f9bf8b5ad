// SPDX-License-Identifier: Apache-2.0
// The interpreter as the app finds it: paths, venvs, streams, signals, forking and ending.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "tests/component/vassal/python/child.h"

namespace vassal::python::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::string trivial = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n";

// Evaluates in a child that serves a trivial app, after `prepare` ran there.
ChildResult in_python(const std::function<std::string()>& body,
                      const std::function<void(InterpreterOptions&)>& prepare = {}, const std::string& source = "") {
    return in_child([&] {
        write_file("hello.py", source + trivial);
        InterpreterOptions options = options_for("hello");
        if (prepare) prepare(options);
        Loaded loaded = start_and_load(options);
        return loaded.failure.empty() ? body() : loaded.failure;
    });
}

TEST(Interpreter, is_debians_python_whatever_stands_on_path) {
    ChildResult result = in_python([] {
        return evaluate(
            "(sys.prefix, sys.base_prefix, sys.executable, sys.argv, sys.flags.utf8_mode, sys.version_info[:2])");
    });
    EXPECT_EQ(result.said, "('/usr', '/usr', '/usr/bin/python3', ['hello'], 1, (3, 11))") << result.output;
    EXPECT_THAT(result.output, IsEmpty());
}

TEST(Interpreter, finds_modules_in_the_working_directory_then_python_path_then_pythonpath) {
    ChildResult result =
        in_python([] { return evaluate("[p.rsplit('/', 1)[1] if p.startswith('/tmp') else p for p in sys.path[:5]]"); },
                  [](InterpreterOptions& options) {
                      ::setenv("PYTHONPATH", "/tmp/from_environment", 1);
                      options.python_path = {"lib", "/tmp/absolute"};
                  });
    EXPECT_THAT(result.said,
                testing::MatchesRegex(
                    "\\['python_component_[^']*', 'lib', 'absolute', 'from_environment', '/usr/lib/python311.zip'\\]"))
        << result.output;
}

TEST(Interpreter, leaves_signals_to_the_app_and_survives_closed_sockets) {
    ChildResult result = in_python([] {
        return evaluate("[signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)]", "signal");
    });
    EXPECT_EQ(result.said, "[<Handlers.SIG_DFL: 0>, <Handlers.SIG_DFL: 0>, <Handlers.SIG_IGN: 1>]");
}

TEST(Interpreter, does_not_change_the_environment_of_the_app) {
    ChildResult result = in_python([] { return evaluate("sorted(os.environ)", "os"); },
                                   [](InterpreterOptions&) {
                                       ::clearenv();
                                       ::setenv("ONLY", "this", 1);
                                   });
    EXPECT_EQ(result.said, "['ONLY']");
}

TEST(Interpreter, output_leaves_by_line) {
    ChildResult result =
        in_python([] { return std::string(); }, {}, "import sys\nprint('out')\nprint('err', file=sys.stderr)\n");
    EXPECT_THAT(result.output, HasSubstr("out\nerr\n"));
}

TEST(Interpreter, a_crash_leaves_the_python_stack_on_stderr) {
    ChildResult result = in_python([] { return std::string(); }, {}, "import os\nos.abort()\n");
    EXPECT_EQ(result.status.text(), "signal 6 (SIGABRT, aborted itself)");
    EXPECT_THAT(result.output, HasSubstr("Fatal Python error: Aborted"));
    EXPECT_THAT(result.output, HasSubstr("hello.py\", line 2 in <module>"));
}

void make_venv(const std::string& arguments) {
    ASSERT_EQ(::system(("/usr/bin/python3 -m venv --without-pip " + arguments + " venv").c_str()), 0);
    write_file("venv/lib/python3.11/site-packages/only_in_venv.py", "value = 42\n");
}

TEST(Interpreter, a_venv_gives_its_packages_and_nothing_of_the_systems) {
    ChildResult result = in_python(
        [] {
            return evaluate(
                "(only_in_venv.value, sys.prefix.endswith('/venv'), sys.base_prefix, "
                "sys.executable.endswith('/venv/bin/python'), "
                "any('dist-packages' in p for p in sys.path))",
                "only_in_venv");
        },
        [](InterpreterOptions& options) {
            make_venv("");
            options.venv = std::filesystem::absolute("venv");
        },
        "import builtins, sys\nbuiltins.sys = sys\n");
    EXPECT_EQ(result.said, "(42, True, '/usr', True, False)") << result.output;
}

TEST(Interpreter, a_venv_may_include_the_systems_packages) {
    ChildResult result = in_python([] { return evaluate("any('dist-packages' in p for p in sys.path)"); },
                                   [](InterpreterOptions& options) {
                                       make_venv("--system-site-packages");
                                       options.venv = std::filesystem::absolute("venv");
                                   });
    EXPECT_EQ(result.said, "True") << result.output;
}

TEST(Interpreter, a_venv_of_another_installation_keeps_debians_standard_library) {
    ChildResult result = in_python(
        [] { return evaluate("(sys.base_prefix, sys.modules['os'].__file__, sys.prefix.endswith('/venv'))"); },
        [](InterpreterOptions& options) {
            make_venv("");
            write_file("venv/pyvenv.cfg",
                       "home = /opt/elsewhere/bin\ninclude-system-site-packages = false\nversion = 3.11.9\n");
            std::filesystem::remove("venv/bin/python");
            options.venv = std::filesystem::absolute("venv");
        });
    EXPECT_EQ(result.said, "('/usr', '/usr/lib/python3.11/os.py', True)") << result.output;
}

TEST(Interpreter, a_venv_that_cannot_work_is_refused_with_the_reason) {
    const auto refused = [](const std::function<void()>& prepare) {
        return in_python([] { return std::string(); },
                         [&](InterpreterOptions& options) {
                             prepare();
                             options.venv = "venv";
                         })
            .said;
    };
    EXPECT_THAT(refused([] {}), StartsWith("python|venv venv is not a virtual environment (it has no pyvenv.cfg)|"));
    EXPECT_THAT(refused([] {
                    write_file("venv/pyvenv.cfg", "");
                    write_file("venv/lib/python3.12/x", "");
                }),
                StartsWith("python|venv venv was made for python3.12, apps run on python3.11: make it again with"));
}

TEST(Interpreter, a_live_thread_forbids_the_fork_by_name) {
    const std::string source =
        "import threading, _thread\nstop = threading.Event()\n"
        "threading.Thread(target=stop.wait, args=(30,), name='poller', daemon=True).start()\n";
    ChildResult result = in_child([&] {
        write_file("hello.py", source + trivial);
        Loaded loaded = start_and_load(options_for("hello"));
        std::string names = loaded.failure;
        for (const std::string& name : loaded.interpreter->prepare_to_fork()) names += name + ";";
        return names;
    });
    EXPECT_EQ(result.said, "poller;");
}

class NullResponse final : public app::Response {
public:
    void start(std::string_view status) override { text += status; }
    void header(std::string_view, std::string_view) override {}
    bool has_started() const noexcept override { return !text.empty(); }
    bool head_was_sent() const noexcept override { return false; }
    app::Sent write(std::string_view) override { return app::Sent::ok; }
    void finish(std::span<const std::string_view> chunks) override {
        for (const std::string_view chunk : chunks) text.append(" ").append(chunk);
    }
    void finish_file(int, std::uint64_t, std::uint64_t) override {}
    void abort() override { text += " aborted"; }
    void note_exception() noexcept override { text += " exception"; }
    void log_field(std::string_view, std::string_view) noexcept override {}

    std::string text;
};

std::string serve_once(app::Application& application) {
    const app::Param params[] = {{"REQUEST_METHOD", "GET"},
                                 {"SCRIPT_NAME", ""},
                                 {"PATH_INFO", "/"},
                                 {"QUERY_STRING", ""},
                                 {"SERVER_PROTOCOL", "HTTP/1.1"}};
    NullResponse response;
    application.enter_thread();
    application.serve({.params = params, .method = "GET", .url_scheme = "http", .request_id = "1", .body = {}}, response);
    application.leave_thread();
    return response.text;
}

TEST(Interpreter, a_worker_forked_from_the_mold_runs_the_hooks_and_serves) {
    const std::string source =
        "import os, threading\nhooks = []\nthread = threading.Thread(target=lambda: "
        "None)\nthread.start()\nthread.join()\n"
        "os.register_at_fork(before=lambda: hooks.append('before'), after_in_parent=lambda: hooks.append('parent'),\n"
        "                    after_in_child=lambda: hooks.append('child'))\n"
        "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [','.join(hooks).encode()]\n"
        "application = app\n";
    ChildResult result = in_child([&] {
        write_file("forking.py", source);
        Loaded loaded = start_and_load(options_for("forking"));
        if (!loaded.failure.empty()) return loaded.failure;
        if (!loaded.interpreter->prepare_to_fork().empty()) return std::string("not allowed to fork");
        loaded.interpreter->before_fork();
        const pid_t worker = ::fork();
        if (worker == 0) {
            loaded.interpreter->after_fork_child();
            const std::string text = "worker: " + serve_once(loaded.interpreter->application()) + "\n";
            loaded.interpreter->run_exit_handlers();
            ::_exit(::write(STDOUT_FILENO, text.data(), text.size()) > 0 ? 0 : 1);
        }
        loaded.interpreter->after_fork_parent();
        ::waitpid(worker, nullptr, 0);
        return "mold: " + serve_once(loaded.interpreter->application());
    });
    EXPECT_EQ(result.output, "worker: 200 OK before,child\n");
    EXPECT_EQ(result.said, "mold: 200 OK before,parent");
}

TEST(Interpreter, ends_with_the_apps_exit_handlers_and_its_last_output) {
    const std::string source =
        "import atexit, sys, threading\natexit.register(lambda: print('atexit'))\n"
        "def work():\n    threading.main_thread().join\n    finish.wait(20)\n    print('thread done')\n"
        "finish = threading.Event()\nthreading._register_atexit(finish.set)\nthreading.Thread(target=work).start()\n"
        "def application(environ, start_response):\n    start_response('200 OK', [])\n"
        "    sys.stdout.write('no newline')\n    return [b'x']\n";
    ChildResult result = in_child([&] {
        write_file("ending.py", source);
        Loaded loaded = start_and_load(options_for("ending"));
        if (!loaded.failure.empty()) return loaded.failure;
        const std::string text = serve_once(loaded.interpreter->application());
        loaded.interpreter->run_exit_handlers();
        return text;
    });
    EXPECT_EQ(result.said, "200 OK x");
    EXPECT_EQ(result.output, "no newlinethread done\natexit\n");
}

TEST(Interpreter, a_failing_exit_handler_is_reported_and_the_others_run) {
    ChildResult result = in_child([&] {
        write_file("hello.py",
                   "import atexit\natexit.register(print, 'second')\natexit.register(lambda: 1/0)\n" + trivial);
        Loaded loaded = start_and_load(options_for("hello"));
        loaded.interpreter->run_exit_handlers();
        return loaded.failure;
    });
    EXPECT_THAT(result.output, HasSubstr("ZeroDivisionError"));
    EXPECT_THAT(result.output, HasSubstr("second\n"));
    EXPECT_EQ(result.status.text(), "exit code 0");
}

}  // namespace
}  // namespace vassal::python::test
