// SPDX-License-Identifier: Apache-2.0
// The health check: what a worker asks itself before it says that it is ready.
#include <gmock/gmock.h>

#include "tests/component/vassal/worker/worker_fixture.h"

namespace vassal::worker {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

class HealthCheckTest : public WorkerTest {
protected:
    struct Notes {
        std::atomic<int> asked{0};
    };
    InSharedMemory<Notes> notes = share<Notes>();

    HealthCheckTest() {
        config.health.path = "/healthz";
        config.health.attempts = 1;
    }
    // Counts, and answers the n-th request (from 1) by the handler.
    void route(std::function<void(int, const app::Request&, app::Response&)> handler) {
        app.routes["/healthz"] = [this, handler](const app::Request& request, app::Response& response) {
            handler(++notes->asked, request, response);
        };
    }
    static void answer(app::Response& response, std::string_view status, std::string_view body = "") {
        response.start(status);
        response.finish({&body, 1});
    }
    // The message behind those that tell of attempts.
    link::WorkerMessage outcome() {
        for (;;) {
            auto message = next_message();
            const auto* probing = std::get_if<link::Probing>(&message);
            if (probing == nullptr) return message;
            probed.push_back(probing->failure);
        }
    }
    link::Failed failure() {
        const auto message = outcome();
        const auto* failed = std::get_if<link::Failed>(&message);
        return failed != nullptr ? *failed : link::Failed{"none", "", ""};
    }
    std::vector<std::string> probed;
};

TEST_F(HealthCheckTest, a_good_answer_makes_the_worker_ready_and_leaves_no_trace_in_the_figures) {
    route([](int, const app::Request& request, app::Response& response) {
        const bool is_right = FakeApplication::value(request, "REQUEST_METHOD") == "GET" &&
                              FakeApplication::value(request, "QUERY_STRING") == "full=1" &&
                              FakeApplication::value(request, "HTTP_HOST") == "www.example.com:81" &&
                              FakeApplication::value(request, "SERVER_NAME") == "localhost" &&
                              FakeApplication::value(request, "REMOTE_ADDR") == "127.0.0.1" &&
                              FakeApplication::value(request, "HTTP_USER_AGENT") == "emperor-health" &&
                              FakeApplication::value(request, "emperor.health_check") == "1" &&
                              request.url_scheme == "http" && request.request_id.size() == 16;
        answer(response, is_right ? "204 No Content" : "500 Something is missing");
    });
    config.health.path = "/healthz?full=1";
    config.health.host = "www.example.com:81";
    fork_process();
    EXPECT_TRUE(std::holds_alternative<link::Ready>(outcome()));
    EXPECT_EQ(probed, std::vector<std::string>{""});
    EXPECT_EQ(figures().requests.load(), 0u);
    EXPECT_EQ(figures().request_sequence.load(), 0u);
    order(link::Promote{});
    EXPECT_THAT(connect(0).ask(uwsgi("/")), HasSubstr("hello"));
    EXPECT_EQ(notes->asked.load(), 1);
}

TEST_F(HealthCheckTest, a_wrong_status_is_told_with_the_beginning_of_the_body) {
    route([](int, const app::Request&, app::Response& response) {
        answer(response, "503 Service Unavailable", "no\ndatabase" + std::string(500, '.'));
    });
    config.health.status = {200, 200};
    fork_process();
    const link::Failed failed = failure();
    EXPECT_EQ(failed.step, "health");
    EXPECT_EQ(failed.reason, "GET /healthz answered 503, wanted 200");
    EXPECT_EQ(failed.detail, "no\ndatabase" + std::string(189, '.')) << "200 bytes";
    EXPECT_EQ(join_process(), 1);
    EXPECT_THAT(said(), HasSubstr("health check of worker 3: GET /healthz answered 503, wanted 200: no database..."));
}

TEST_F(HealthCheckTest, an_exception_is_told_with_its_traceback) {
    route([](int, const app::Request&, app::Response& response) {
        response.note_exception();
        response.explain_exception("ValueError: no", "Traceback (most recent call last):\nValueError: no\n");
        answer(response, "500 Internal Server Error");
    });
    config.health.status = {500, 500};
    fork_process();
    const link::Failed failed = failure();
    EXPECT_EQ(failed.reason, "GET /healthz failed: ValueError: no") << "whatever the status";
    EXPECT_THAT(failed.detail, HasSubstr("Traceback"));
}

TEST_F(HealthCheckTest, an_answer_that_breaks_off_is_none) {
    route([](int, const app::Request&, app::Response& response) {
        response.start("200 OK");
        static_cast<void>(response.write("a part"));
        response.abort();
    });
    fork_process();
    EXPECT_EQ(failure().reason, "GET /healthz got no whole answer, wanted 200-399");
}

TEST_F(HealthCheckTest, another_attempt_may_succeed) {
    route([](int count, const app::Request&, app::Response& response) {
        answer(response, count < 2 ? "503 Not Yet" : "200 OK");
    });
    config.health.attempts = 3;
    fork_process();
    EXPECT_TRUE(std::holds_alternative<link::Ready>(outcome()));
    EXPECT_EQ(probed, (std::vector<std::string>{"", "GET /healthz answered 503, wanted 200-399"}));
    EXPECT_THAT(said(), HasSubstr("(2 attempts left)"));
}

TEST_F(HealthCheckTest, a_late_answer_counts_as_a_failed_attempt) {
    route([](int count, const app::Request&, app::Response& response) {
        if (count == 1) ::poll(nullptr, 0, 1300);
        answer(response, "200 OK");
    });
    config.health.timeout = 1s;
    config.health.attempts = 50;
    fork_process();
    EXPECT_TRUE(std::holds_alternative<link::Ready>(outcome()));
    EXPECT_EQ(probed.at(1), "GET /healthz gave no answer within 1 s");
    EXPECT_EQ(notes->asked.load(), 2);
}

TEST_F(HealthCheckTest, one_that_spins_for_ever_with_the_lock_is_ended_with_tracebacks) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer keeps a signal back until the thread calls something: this one calls nothing";
#endif
    route([](int, const app::Request&, app::Response&) {
        for (volatile bool is_stuck = true; is_stuck;) continue;
    });
    config.health.timeout = 50ms;
    config.health.attempts = 3;
    fork_process();
    const link::Failed failed = failure();
    EXPECT_EQ(failed.step, "health");
    EXPECT_EQ(failed.reason, "GET /healthz gave no answer within 50 ms");
    EXPECT_EQ(join_process(), 1);
    EXPECT_EQ(notes->asked.load(), 1) << "it uses up all attempts by itself";
    EXPECT_THAT(said(), HasSubstr("does not answer its health check: GET /healthz\nwhere the app is\n"));
}

TEST_F(HealthCheckTest, a_pause_between_attempts_ends_with_the_master) {
    route([](int, const app::Request&, app::Response& response) { answer(response, "503 Never"); });
    config.health.attempts = 100;
    fork_process();
    EXPECT_TRUE(std::holds_alternative<link::Probing>(next_message()));
    EXPECT_TRUE(std::holds_alternative<link::Probing>(next_message())) << "after the first attempt and the pause";
    master.reset();
    EXPECT_EQ(join_process(), 1);
    EXPECT_LT(notes->asked.load(), 100);
}

TEST_F(HealthCheckTest, nothing_is_asked_without_a_path) {
    route([](int, const app::Request&, app::Response& response) { answer(response, "200 OK"); });
    config.health.path.clear();
    fork_process();
    EXPECT_TRUE(std::holds_alternative<link::Ready>(next_message()));
    EXPECT_EQ(notes->asked.load(), 0);
}

}  // namespace
}  // namespace vassal::worker
