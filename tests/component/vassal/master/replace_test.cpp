// SPDX-License-Identifier: Apache-2.0
// Replacement first, with real processes: recycling, rolling, request timeouts, ranges of workers.
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <span>

#include "tests/component/vassal/master/shop.h"

namespace vassal::master::test {
namespace {

using common::UniqueFd;
using common::scoreboard::WorkerState;
using testing::HasSubstr;

pid_t pid_of(const std::string& answer) { return answer.empty() ? -1 : std::stoi(answer); }

TEST_F(Shop, a_worker_is_recycled_after_its_requests_and_nobody_is_refused) {
    serve({"recycle.max_requests=20", "recycle.jitter=0%"});
    const pid_t first = worker(1).pid;
    bool is_replaced = false;
    ASSERT_TRUE(wait_until([&] {
        const pid_t pid = pid_of(ask('p'));
        EXPECT_GT(pid, 0) << "refused";
        return is_replaced = is_replaced || pid != first;
    }));
    const auto exited = expect<WorkerExited>();
    EXPECT_EQ(exited.pid, first);
    EXPECT_TRUE(exited.expected);
    EXPECT_THAT(exited.reason, testing::MatchesRegex("recycled: [0-9]+ requests"));
    EXPECT_GE(std::stoi(exited.reason.substr(10)), 20);
    EXPECT_EQ(worker(1).crashes, 0u);
    EXPECT_EQ(worker(1).state, WorkerState::serving);
    EXPECT_GE(worker(1).spawns, 2u);
}

TEST_F(Shop, a_worker_that_grows_is_recycled) {
    serve({"recycle.max_rss=64MiB"});
    const pid_t first = worker(1).pid;
    EXPECT_EQ(ask('m'), "ok");
    // The memory is looked at once a second while there are requests.
    ASSERT_TRUE(wait_until([&] { return pid_of(ask('p')) != first; }));
    EXPECT_THAT(expect<WorkerExited>().reason, testing::MatchesRegex("recycled: [0-9]+ MiB resident"));
}

TEST_F(Shop, a_worker_that_is_old_enough_is_recycled_without_any_request) {
    serve({"recycle.max_age=1s", "recycle.jitter=0%"});
    const pid_t first = worker(1).pid;
    const auto exited = expect<WorkerExited>();
    EXPECT_EQ(exited.pid, first);
    EXPECT_EQ(exited.reason, "recycled: 1 s old");
    EXPECT_TRUE(exited.expected);
}

TEST_F(Shop, a_recycle_whose_replacement_fails_keeps_the_old_worker_until_it_is_mended) {
    serve({"recycle.max_age=1s", "recycle.jitter=0%", "restart.initial=50ms", "restart.max=100ms"});
    const pid_t first = worker(1).pid;
    std::ofstream(directory + "/broken") << "x";
    for (int i = 0; i < 2; ++i) {
        const auto exited = expect<WorkerExited>();
        EXPECT_NE(exited.pid, first);
        EXPECT_EQ(exited.reason, "import: NameError: name 'x'");
        EXPECT_GT(exited.retry_ms, 0);
        EXPECT_EQ(pid_of(ask('p')), first);
        EXPECT_EQ(worker(1).pid, first) << "the one that serves is shown";
    }
    std::filesystem::remove(directory + "/broken");
    ASSERT_TRUE(wait_until([&] { return worker(1).pid != first && worker(1).state == WorkerState::serving; }));
    EXPECT_NE(pid_of(ask('p')), first);
}

TEST_F(Shop, a_stuck_request_costs_no_capacity) {
    serve({"timeouts.request=1s"});
    const pid_t first = worker(1).pid;
    const UniqueFd stuck(connect_and_send('i'));
    const auto started = expect<WorkerStarted>();
    EXPECT_EQ(pid_of(ask('p')), started.pid) << "while the stuck one lives on for its grace";
    EXPECT_EQ(worker(1).pid, started.pid);
    const auto exited = expect<WorkerExited>();
    EXPECT_EQ(exited.pid, first);
    EXPECT_EQ(exited.status.value, SIGKILL) << "its single thread did not listen to the signal";
    EXPECT_EQ(worker(1).timeouts, 1u);
    EXPECT_EQ(worker(1).spawns, 2u);
}

TEST_F(Shop, the_siblings_of_a_draining_worker_are_poked_for_whom_it_cannot_accept) {
    start({"workers=2", "threads=2", "timeouts.request=1s", "timeouts.drain=60s"}, "poke:app");
    expect<Ready>();
    send(Promote{});
    expect<Promoted>();
    const UniqueFd stuck(connect_and_send('i'));
    common::scoreboard::WorkerSlot* draining = nullptr;
    ASSERT_TRUE(wait_until([&] {
        for (auto& row : board.board().worker)
            for (auto& slot : std::span(row).first(2))
                if (slot.state.load() == static_cast<std::uint32_t>(WorkerState::draining)) draining = &slot;
        return draining != nullptr;
    }));
    draining->thread[1].lock_wait = 1;
    expect_line("poked");
    EXPECT_EQ(draining->state.load(), static_cast<std::uint32_t>(WorkerState::draining)) << "poked for its end";
}

TEST_F(Shop, a_range_of_workers_grows_while_all_are_busy) {
    serve({"workers={min: 1, max: 3}", "timeouts.request=off"});
    EXPECT_EQ(worker(2).state, WorkerState::empty);
    const UniqueFd busy(connect_and_send('h'));
    const auto second = expect<WorkerStarted>();
    EXPECT_EQ(second.worker, 2);
    EXPECT_EQ(pid_of(ask('p')), second.pid);
    EXPECT_EQ(worker(3).state, WorkerState::empty) << "one was enough";
}

TEST_F(Shop, a_worker_that_closed_its_link_is_replaced_soon) {
    serve({"timeouts.kill=60s"});
    const pid_t first = worker(1).pid;
    const UniqueFd client(connect_and_send('c'));
    const auto exited = expect<WorkerExited>();
    EXPECT_EQ(exited.pid, first);
    EXPECT_EQ(exited.reason, "closed its link to the master");
    EXPECT_NE(pid_of(ask('p')), first);
}

std::size_t count_descriptors(pid_t pid) {
    return static_cast<std::size_t>(
        std::ranges::distance(std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")));
}

TEST_F(Shop, a_connection_that_a_dying_worker_was_given_and_never_took_goes_to_another) {
    serve({"workers=2"});
    const pid_t taker = worker(1).pid, giver = worker(2).pid;
    ASSERT_EQ(::kill(taker, SIGSTOP), 0);  // looks idle, and takes nothing
    const std::size_t before = count_descriptors(master);
    const UniqueFd client(connect_and_send('g'));
    EXPECT_TRUE(wait_until([&] { return count_descriptors(master) > before; })) << "the master keeps a copy";
    ASSERT_EQ(::kill(taker, SIGKILL), 0);
    ASSERT_EQ(::write(client.get(), "p", 1), 1);
    const pid_t answered_by = pid_of(answer_on(client.get()));
    EXPECT_GT(answered_by, 0) << "lost";
    EXPECT_NE(answered_by, taker);
    EXPECT_TRUE(answered_by == giver || answered_by == worker(1).pid);
}

}  // namespace
}  // namespace vassal::master::test
