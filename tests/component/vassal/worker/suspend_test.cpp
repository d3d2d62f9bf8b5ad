// SPDX-License-Identifier: Apache-2.0
// A worker whose generation stands by: it accepts nothing, finishes what it has, and is back at once.
#include "tests/component/vassal/worker/worker_fixture.h"

namespace vassal::worker {
namespace {

using namespace std::chrono_literals;

TEST_F(WorkerTest, a_suspended_worker_takes_nothing_new_lives_on_and_accepts_again_when_promoted) {
    config.threads = 2;
    start();
    Client before = connect(0);
    before.send(uwsgi("/"));
    EXPECT_TRUE(before.read_all().ends_with("hello"));
    order(link::Suspend{});
    ASSERT_TRUE(std::holds_alternative<link::Draining>(next_message()));
    Client waiting = connect(0);
    waiting.send(uwsgi("/"));
    EXPECT_TRUE(waiting.is_silent_for(100));
    order(link::Promote{});
    EXPECT_TRUE(waiting.read_all().ends_with("hello"));
    // A second time, and more often than once a keep-alive.
    order(link::Suspend{});
    ASSERT_TRUE(std::holds_alternative<link::Draining>(next_message()));
    order(link::Promote{});
    Client after = connect(1);
    after.send(http("/"));
    EXPECT_EQ(after.read_until("hello").find("Connection: close"), std::string::npos);
    order(link::Drain{});
    EXPECT_EQ(join(), 0);
}

TEST_F(WorkerTest, a_kept_alive_connection_ends_with_a_suspension_as_with_a_drain) {
    config.timeouts.keepalive = 200ms;
    start();
    Client idle = connect(1);
    Client busy = connect(1);
    idle.send(http("/"));
    idle.read_until("hello");
    busy.send(http("/"));
    busy.read_until("hello");
    order(link::Suspend{});
    ASSERT_TRUE(std::holds_alternative<link::Draining>(next_message()));
    EXPECT_EQ(idle.read_all(), "");
    order(link::Drain{});
    busy.disconnect();
    EXPECT_EQ(join(), 0);
}

TEST_F(WorkerTest, a_suspended_worker_that_has_nothing_left_drains_at_once) {
    start();
    order(link::Suspend{});
    ASSERT_TRUE(std::holds_alternative<link::Draining>(next_message()));
    order(link::Drain{});
    EXPECT_EQ(join(), 0);
}

TEST_F(WorkerTest, requests_under_way_are_finished_while_suspended) {
    config.threads = 2;
    Held held;
    app.routes["/held"] = held.handler(app);
    start();
    Client running = connect(0);
    running.send(uwsgi("/held"));
    ASSERT_TRUE(held.entered.try_acquire_for(10s));
    order(link::Suspend{});
    ASSERT_TRUE(std::holds_alternative<link::Draining>(next_message()));
    held.may_answer.release();
    EXPECT_TRUE(running.read_all().ends_with("held"));
    order(link::Drain{});
    EXPECT_EQ(join(), 0);
}

}  // namespace
}  // namespace vassal::worker
