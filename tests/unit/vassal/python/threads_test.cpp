// SPDX-License-Identifier: Apache-2.0
// Serving threads made in C++: the interpreter lock, and what is reused stays within its thread.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/unit/vassal/python/support.h"

namespace vassal::python::test {
namespace {

TEST(Threads, serve_side_by_side_and_each_sees_its_own_request) {
    App app(
        "import threading\nbarrier = threading.Barrier(4, timeout=20)\nseen = threading.local()\nidents = set()\n"
        "def application(environ, start_response):\n    barrier.wait()\n    idents.add(threading.get_ident())\n"
        "    seen.count = getattr(seen, 'count', 0) + 1\n"
        "    start_response('200 OK', [('X-Path', environ['PATH_INFO'])])\n    barrier.wait()\n"
        "    return [environ['wsgi.input'].read(), b' %d' % seen.count]\n",
        true);
    std::atomic<int> good = 0;
    const auto serve = [&](int number) {
        app.application().enter_thread();
        for (int i = 1; i <= 25; ++i) {
            RecordingResponse response;
            std::string path = "/";
            path.append(std::to_string(number)).append("/").append(std::to_string(i));
            app.serve({.path = path, .body = path}, response);
            const bool is_good =
                response.header_value("X-Path") == path && response.body == path.append(" ").append(std::to_string(i));
            good += is_good ? 1 : 0;
            app.application().release();  // as around every wait of the worker
            app.application().acquire();
        }
        app.application().leave_thread();
    };
    app.application().release();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(serve, i);
    for (std::thread& thread : threads) thread.join();
    app.application().acquire();
    EXPECT_EQ(good, 100);
    EXPECT_EQ(app.eval("len(idents)"), "4");
}

TEST(Threads, of_the_app_run_while_the_worker_waits) {
    App app(
        "import threading\ndone = threading.Event()\nstart = threading.Event()\n"
        "def work():\n    start.wait(20)\n    done.set()\nthread = threading.Thread(target=work)\nthread.start()\n"
        "def application(environ, start_response):\n    start_response('200 OK', [])\n    start.set()\n    return "
        "[b'']\n");
    EXPECT_EQ(app.serve().response.status, "200 OK");
    app.application().release();
    std::thread waiter([&] {
        app.application().enter_thread();
        EXPECT_EQ(app.eval("done.wait(20)"), "True");
        app.application().leave_thread();
    });
    waiter.join();
    app.application().acquire();
    EXPECT_EQ(app.eval("thread.join()"), "None");
}

TEST(Threads, a_thread_that_left_may_come_back) {
    App app("def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'again']\n");
    app.application().leave_thread();
    app.application().enter_thread();
    EXPECT_EQ(app.serve().response.body, "again");
}

}  // namespace
}  // namespace vassal::python::test
