// SPDX-License-Identifier: Apache-2.0
// log.slow: what the worker says when the master asks where one of its threads is.
#include <gmock/gmock.h>

#include "tests/component/vassal/worker/worker_fixture.h"
#include "vassal/link/signals.h"

namespace vassal::worker {
namespace {

using common::scoreboard::ThreadSlot;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class SlowSampleTest : public WorkerTest {
protected:
    struct Wishes {
        std::atomic<int> entered{0};
        std::atomic<bool> may_leave{false};
    };
    InSharedMemory<Wishes> wishes = share<Wishes>();

    SlowSampleTest() {
        config.log.slow = std::chrono::seconds(1);
        app.routes["/slow"] = [this](const app::Request&, app::Response& response) {
            ++wishes->entered;  // with the lock
            while (!wishes->may_leave) continue;
            FakeApplication::answer(response, "done");
        };
    }
    void sample(std::uint64_t requests_later = 0) {
        ThreadSlot& thread = figures();
        siginfo_t info{};
        info.si_code = SI_QUEUE;
        info.si_value.sival_int = link::timeout_value(thread.request_sequence + requests_later);
        ASSERT_EQ(::syscall(SYS_rt_tgsigqueueinfo, process(), thread.thread_id.load(), link::slow_request_signal(), &info), 0);
    }
    bool says(std::string_view text) {
        for (int i = 0; i < 10'000 && said().find(text) == std::string::npos; ++i) ::poll(nullptr, 0, 1);
        return said().find(text) != std::string::npos;
    }
    void enter(Client& client) {
        client.send(uwsgi("/slow", {}, {{"REQUEST_URI", "/slow?a=1"}}));
        for (int i = 0; i < 10'000 && wishes->entered == 0; ++i) ::poll(nullptr, 0, 1);
    }
};

TEST_F(SlowSampleTest, a_request_says_where_it_is_and_how_it_ended_and_goes_on) {
    start_process();
    Client client = connect(0);
    enter(client);
    sample();
    ASSERT_TRUE(says("slow request"));
    EXPECT_THAT(said(), ContainsRegex("emperor: slow request [0-9a-f]{16} GET /slow\\?a=1 runs for [0-9.]+ s in worker 3 \\(pid "
                                      "[0-9]+\\): /srv/shop/views.py:12 in query < /srv/shop/main.py:3 in application"));
    sample();  // one is enough
    wishes->may_leave = true;
    EXPECT_THAT(client.read_all(), HasSubstr("done"));
    ASSERT_TRUE(says("took"));
    EXPECT_THAT(said(), ContainsRegex("slow request [0-9a-f]{16} GET /slow\\?a=1 took [0-9.]+ s, status 200"));
    const std::string all = said();
    EXPECT_EQ(all.find("runs for"), all.rfind("runs for"));
    EXPECT_THAT(connect(0).ask(uwsgi("/")), HasSubstr("hello"));
    EXPECT_EQ(said(), all) << "the next request is none";
}

TEST_F(SlowSampleTest, a_signal_for_a_request_that_has_ended_says_nothing) {
    start_process();
    Client client = connect(0);
    enter(client);
    sample(1);
    wishes->may_leave = true;
    EXPECT_THAT(client.read_all(), HasSubstr("done"));
    sample();
    EXPECT_THAT(connect(0).ask(uwsgi("/")), HasSubstr("hello"));
    EXPECT_THAT(said(), Not(HasSubstr("slow request")));
}

TEST_F(SlowSampleTest, without_the_key_the_signal_harms_nobody) {
    config.log.slow = {};
    start_process();
    Client client = connect(0);
    enter(client);
    sample();
    wishes->may_leave = true;
    EXPECT_THAT(client.read_all(), HasSubstr("done"));
}

}  // namespace
}  // namespace vassal::worker
