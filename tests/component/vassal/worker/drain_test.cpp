// SPDX-License-Identifier: Apache-2.0
// The worker and its master: promotion, drain, stop, the end of the link.
#include <sys/wait.h>

#include "tests/component/vassal/worker/worker_fixture.h"

namespace vassal::worker {
namespace {

using namespace std::chrono_literals;

TEST_F(WorkerTest, nothing_is_accepted_before_promotion) {
    start(false);
    Client client = connect(0);
    client.send(uwsgi("/"));
    EXPECT_TRUE(client.is_silent_for(100));
    order(link::Promote{});
    EXPECT_TRUE(client.read_all().ends_with("hello"));
}

TEST_F(WorkerTest, a_drain_before_promotion_ends_at_once) {
    start(false);
    order(link::Drain{});
    EXPECT_EQ(join(), 0);
}

TEST_F(WorkerTest, a_drain_finishes_what_was_accepted_and_takes_nothing_new) {
    config.threads = 2;
    Held held;
    app.routes["/held"] = held.handler(app);
    start();
    Client running = connect(0);
    running.send(uwsgi("/held"));
    ASSERT_TRUE(held.entered.try_acquire_for(10s));
    order(link::Drain{});
    ASSERT_TRUE(std::holds_alternative<link::Draining>(next_message()));
    Client late = connect(0);
    late.send(uwsgi("/"));
    EXPECT_TRUE(late.is_silent_for(100));  // waits in the backlog for the next generation
    held.may_answer.release();
    EXPECT_TRUE(running.read_all().ends_with("held"));
    EXPECT_EQ(join(), 0);
}

// The kernel wakes one process for a connection. When that one drains before it looks, nobody else is woken until the
// next client comes: it must take what it was woken for. (On the other listener: the first one's event would be ahead
// of the link's.)
TEST_F(WorkerTest, a_drain_takes_the_connection_that_it_was_woken_for) {
    Held held;
    app.routes["/held"] = held.handler(app);
    start();
    Client running = connect(0);
    running.send(uwsgi("/held"));
    ASSERT_TRUE(held.entered.try_acquire_for(10s));
    order(link::Drain{});
    Client woken_for = connect(1);
    woken_for.send(http("/", "Connection: close\r\n"));
    held.may_answer.release();
    EXPECT_TRUE(running.read_all().ends_with("held"));
    EXPECT_TRUE(woken_for.read_all().ends_with("hello"));
    EXPECT_EQ(join(), 0);
}

TEST_F(WorkerTest, a_kept_alive_connection_is_answered_with_close_while_draining) {
    start();
    Client client = connect(1);
    client.send(http("/"));
    EXPECT_EQ(client.read_until("hello").find("Connection: close"), std::string::npos);
    order(link::Drain{});
    ASSERT_TRUE(std::holds_alternative<link::Draining>(next_message()));
    const std::string last = client.ask(http("/"));
    EXPECT_TRUE(last.ends_with("hello"));
    EXPECT_NE(last.find("Connection: close\r\n"), std::string::npos);
    client.disconnect();
    EXPECT_EQ(join(), 0);
}

// The request came before the drain, its head is written during it.
TEST_F(WorkerTest, requests_in_flight_when_the_drain_begins_are_the_last_of_their_connections) {
    config.threads = 3;
    config.timeouts.keepalive = 60s;
    Held held;
    app.routes["/held"] = held.handler(app);
    start();
    Client web = connect(1);
    web.send(http("/held"));
    Client gateway = connect(2);
    gateway.send(fastcgi("/held", {}, true));
    ASSERT_TRUE(held.entered.try_acquire_for(10s) && held.entered.try_acquire_for(10s));
    order(link::Drain{});
    ASSERT_TRUE(std::holds_alternative<link::Draining>(next_message()));
    held.may_answer.release(2);
    const std::string answer = web.read_all();
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
    EXPECT_TRUE(answer.ends_with("held"));
    EXPECT_NE(gateway.read_all().find("held"), std::string::npos);
    web.disconnect(), gateway.disconnect();
    EXPECT_EQ(join(), 0);
}

// Nobody reads the order while the only thread is in the application.
TEST_F(WorkerTest, the_only_thread_finds_out_about_a_drain_before_it_answers) {
    config.timeouts.keepalive = 60s;
    Held held;
    app.routes["/held"] = held.handler(app);
    start();
    Client web = connect(1);
    web.send(http("/held"));
    ASSERT_TRUE(held.entered.try_acquire_for(10s));
    order(link::Drain{});
    ::poll(nullptr, 0, 20);  // shorter requests do not look
    held.may_answer.release();
    EXPECT_NE(web.read_all().find("Connection: close\r\n"), std::string::npos);
    web.disconnect();
    EXPECT_EQ(join(), 0);
}

TEST_F(WorkerTest, a_poke_during_a_request_closes_nothing) {
    Held held;
    app.routes["/held"] = held.handler(app);
    start();
    Client web = connect(1);
    web.send(http("/held"));
    ASSERT_TRUE(held.entered.try_acquire_for(10s));
    order(link::Poke{});
    ::poll(nullptr, 0, 20);
    held.may_answer.release();
    EXPECT_EQ(web.read_until("held").find("Connection: close"), std::string::npos);
    web.send(http("/"));
    EXPECT_TRUE(web.read_until("hello").ends_with("hello"));
}

TEST_F(WorkerTest, idle_connections_end_after_keepalive_while_draining) {
    config.timeouts.keepalive = 200ms;
    start();
    Client client = connect(1);
    client.send(http("/"));
    client.read_until("hello");
    order(link::Drain{});
    EXPECT_EQ(client.read_all(), "");
    EXPECT_EQ(join(), 0);
}

TEST_F(WorkerTest, a_drain_is_bounded_and_says_that_something_was_left) {
    config.timeouts.drain = 200ms;
    start();
    Client client = connect(0);
    client.send(uwsgi("/").substr(0, 9));
    EXPECT_TRUE(connect(0).ask(uwsgi("/")).ends_with("hello"));
    order(link::Drain{});
    EXPECT_EQ(join(), 1);
    EXPECT_EQ(client.read_all(), "");
}

TEST_F(WorkerTest, the_end_of_the_link_is_a_drain) {
    config.timeouts.drain = 5000ms;
    config.timeouts.keepalive = 100ms;
    start();
    Client kept = connect(1);
    kept.send(http("/"));
    kept.read_until("hello");
    // The worker silences standard output and error of its process, which is this one.
    const common::UniqueFd out(::dup(1)), err(::dup(2));
    master.reset();
    const int code = join();
    ::dup2(out.get(), 1);
    ::dup2(err.get(), 2);
    EXPECT_EQ(code, 0);
    EXPECT_EQ(kept.read_all(), "");
}

TEST_F(WorkerTest, a_stop_waits_for_the_running_request_and_for_nothing_else) {
    config.threads = 2;
    Held held;
    app.routes["/held"] = held.handler(app);
    start();
    Client idle = connect(1);
    idle.send(http("/"));
    idle.read_until("hello");
    Client running = connect(0);
    running.send(uwsgi("/held"));
    ASSERT_TRUE(held.entered.try_acquire_for(10s));
    order(link::Stop{});
    EXPECT_EQ(idle.is_silent_for(50), true);
    held.may_answer.release();
    EXPECT_TRUE(running.read_all().ends_with("held"));
    EXPECT_EQ(join(), 0);
}

TEST_F(WorkerTest, a_poke_makes_the_worker_accept) {
    start();
    order(link::Poke{});
    EXPECT_TRUE(connect(0).ask(uwsgi("/")).ends_with("hello"));
}

TEST_F(WorkerTest, a_child_that_the_application_forks_holds_no_connection) {
    std::atomic<pid_t> child{0};
    int pipe_fds[2];
    ASSERT_EQ(::pipe2(pipe_fds, O_CLOEXEC), 0);
    const common::UniqueFd reading(pipe_fds[0]);
    common::UniqueFd writing(pipe_fds[1]);
    app.routes["/fork"] = [&](const app::Request&, app::Response& response) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            char byte = 0;
            ::close(pipe_fds[1]);
            static_cast<void>(!::read(pipe_fds[0], &byte, 1));  // lives until the test lets it go
            ::_exit(0);
        }
        child = pid;
        FakeApplication::answer(response, "forked");
    };
    start();
    EXPECT_TRUE(connect(0).ask(uwsgi("/fork")).ends_with("forked"));  // ends although the child lives
    writing.reset();
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
}

}  // namespace
}  // namespace vassal::worker
