// SPDX-License-Identifier: Apache-2.0
// What a worker says when a fault ends it.
#include <sys/resource.h>

#include "tests/component/vassal/worker/worker_fixture.h"

namespace vassal::worker {
namespace {

class LastWordsTest : public WorkerTest {
protected:
    struct Wishes {
        std::atomic<int> entered{0};
        std::atomic<int> fault{0};
    };
    InSharedMemory<Wishes> wishes = share<Wishes>();

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    void SetUp() override { GTEST_SKIP() << "the sanitizer answers for faults itself, with a status of its own"; }
#endif

    LastWordsTest() {
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        app.routes["/fault"] = [](const app::Request& request, app::Response&) {
            ::raise(std::stoi(std::string(FakeApplication::value(request, "QUERY_STRING"))));
        };
        app.routes["/overflow"] = [](const app::Request&, app::Response&) { overflow(1); };
        app.routes["/wait"] = [this](const app::Request&, app::Response&) {
            app.release();
            ++wishes->entered;
            for (;;) ::pause();
        };
        app.routes["/own_thread"] = [](const app::Request&, app::Response&) {
            std::thread([] { ::raise(SIGSEGV); }).join();
        };
    }
    [[gnu::noinline]] static int overflow(int depth) {
        volatile char page[4096];
        page[0] = static_cast<char>(depth);
        return depth == 0 ? 0 : overflow(depth + 1) + page[0];
    }
    void ask(const std::string& uri) {
        Client client = connect(1);
        client.send(http(uri, "Connection: close\r\n"));
        static_cast<void>(client.read_all());
    }
};

class LastWordsBySignal : public LastWordsTest, public testing::WithParamInterface<int> {};

TEST_P(LastWordsBySignal, name_the_request_and_the_process_dies_of_the_very_signal) {
    const int signal = GetParam();
    start_process();
    const pid_t pid = process();
    ask("/fault?" + std::to_string(signal));
    EXPECT_EQ(join_process(), 1000 + signal);
    const std::string begin = "emperor: SIG" + std::string(::sigabbrev_np(signal)) + " in worker 3 (pid " +
                              std::to_string(pid) + "), in request ";
    EXPECT_TRUE(said().starts_with(begin)) << said();
    EXPECT_TRUE(said().ends_with(" GET /fault?" + std::to_string(signal) + "\n")) << said();
}

INSTANTIATE_TEST_SUITE_P(Every, LastWordsBySignal, testing::Values(SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT));

TEST_F(LastWordsTest, are_said_when_the_stack_has_overflowed) {
    start_process();
    ask("/overflow");
    EXPECT_EQ(join_process(), 1000 + SIGSEGV);
    EXPECT_NE(said().find("SIGSEGV in worker 3"), std::string::npos) << said();
    EXPECT_TRUE(said().ends_with(" GET /overflow\n")) << said();
}

TEST_F(LastWordsTest, are_said_in_every_thread_and_name_the_requests_of_the_others) {
    config.threads = 3;
    start_process();
    Client one = connect(1), other = connect(1);
    one.send(http("/wait"));
    other.send(http("/wait?other"));
    for (int i = 0; i < 10'000 && wishes->entered < 2; ++i) ::poll(nullptr, 0, 1);
    ask("/overflow");
    EXPECT_EQ(join_process(), 1000 + SIGSEGV);
    EXPECT_NE(said().find(" GET /overflow\nemperor: it was also in GET /wait"), std::string::npos) << said();
    EXPECT_NE(said().find("emperor: it was also in GET /wait?other\n"), std::string::npos) << said();
}

TEST_F(LastWordsTest, escape_what_the_client_wrote) {
    start_process();
    connect(0).ask(uwsgi("/fault", {}, {{"REQUEST_URI", "/a\nemperor: forged\x1b[2J\x7f\xff"}, {"QUERY_STRING", "11"}}));
    EXPECT_EQ(join_process(), 1000 + SIGSEGV);
    EXPECT_TRUE(said().ends_with(" GET /a\\x0aemperor: forged\\x1b[2J\\x7f\\xff\n")) << said();
}

TEST_F(LastWordsTest, tell_a_thread_of_the_app_from_a_request) {
    start_process();
    ask("/own_thread");
    EXPECT_EQ(join_process(), 1000 + SIGSEGV);
    EXPECT_NE(said().find(", in a thread of the app\nemperor: it was also in GET /own_thread\n"), std::string::npos)
        << said();
}

}  // namespace
}  // namespace vassal::worker
