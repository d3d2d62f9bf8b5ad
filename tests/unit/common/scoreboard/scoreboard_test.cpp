// SPDX-License-Identifier: Apache-2.0
#include "common/scoreboard/scoreboard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <limits>

namespace common::scoreboard {
namespace {

struct Shared {
    UniqueFd fd = std::move(create("shop").value());
    Mapping writer = std::move(map(fd.get()).value());
    Mapping reader = std::move(map(fd.get()).value());

    WorkerSlot& slot(int bank, int worker, int lane = 0) const {
        common::scoreboard::use(writer.board(), row_of(bank, lane), static_cast<std::size_t>(worker) - 1);
        return writer.board().worker[row_of(bank, lane)][static_cast<std::size_t>(worker) - 1];
    }
    void use(int bank, int worker, std::uint32_t threads, int lane = 0) const {
        slot(bank, worker, lane).threads = threads;
        slot(bank, worker, lane).most_threads = threads;
    }
    void occupy(int lane, int pid, WorkerState state) const {
        use(0, 1, 1, lane);
        slot(0, 1, lane).pid = pid;
        slot(0, 1, lane).state = static_cast<std::uint32_t>(state);
        slot(0, 1, lane).thread[0].requests = 10 + static_cast<std::uint64_t>(lane);
    }
    WorkerFigures first() const { return read_workers(reader.board(), 0, 1).front(); }
};

std::int64_t pages_of(int fd) {
    struct stat info {};
    return ::fstat(fd, &info) == 0 ? info.st_blocks * 512 / ::sysconf(_SC_PAGESIZE) : -1;
}

TEST(Scoreboard, reading_gives_no_page_to_what_was_never_used) {
    const Shared board;
    board.use(0, 1, 1);
    const std::int64_t before = pages_of(board.fd.get());
    const auto workers = read_workers(board.reader.board(), 0, max_workers);
    EXPECT_EQ(workers.size(), static_cast<std::size_t>(max_workers));
    EXPECT_EQ(workers.back().id, max_workers);
    EXPECT_EQ(read_log(board.reader.board(), 10).size(), 0u);
    EXPECT_EQ(pages_of(board.fd.get()), before);
}

TEST(Scoreboard, what_one_process_counts_another_reads) {
    const Shared board;
    board.use(0, 2, 2);
    board.slot(0, 2).state = static_cast<std::uint32_t>(WorkerState::serving);
    board.slot(0, 2).pid = 77;
    board.slot(0, 2).thread[0].requests = 5;
    board.slot(0, 2).thread[1].requests = 6;
    board.slot(0, 2).thread[1].status_classes[1] = 11;
    const auto workers = read_workers(board.reader.board(), 0, 2);
    ASSERT_EQ(workers.size(), 2u);
    EXPECT_EQ(workers[0].state, WorkerState::empty);
    EXPECT_EQ(workers[1].id, 2);
    EXPECT_EQ(workers[1].pid, 77);
    EXPECT_EQ(workers[1].requests, 11u);
    EXPECT_EQ(workers[1].status_classes[1], 11u);
    ASSERT_EQ(workers[1].threads.size(), 2u);
    EXPECT_EQ(workers[1].threads[1].requests, 6u);
}

TEST(Scoreboard, counters_go_on_over_generations_in_both_banks) {
    const Shared board;
    board.use(0, 1, 4);
    board.slot(0, 1).thread[3].requests = 100;
    board.slot(0, 1).crashes = 1;
    board.use(1, 1, 1);
    board.slot(1, 1).thread[0].requests = 20;
    board.slot(1, 1).requests_at_spawn = 15;
    const auto worker = read_workers(board.reader.board(), 1, 1).front();
    EXPECT_EQ(worker.requests, 120u);
    EXPECT_EQ(worker.delta_requests, 5u);
    EXPECT_EQ(worker.crashes, 1u);
    EXPECT_EQ(worker.threads.size(), 1u);
}

TEST(Scoreboard, of_two_lanes_the_serving_process_is_shown_and_the_figures_of_both_are_added) {
    const Shared board;
    board.occupy(0, 70, WorkerState::serving);
    board.occupy(1, 71, WorkerState::starting);
    EXPECT_EQ(board.first().pid, 70);
    board.occupy(0, 70, WorkerState::draining);
    EXPECT_EQ(board.first().pid, 71) << "it is about to serve";
    board.occupy(1, 71, WorkerState::serving);
    board.slot(0, 1, 1).requests_at_spawn = 4;
    EXPECT_EQ(board.first().pid, 71);
    EXPECT_EQ(board.first().state, WorkerState::serving);
    EXPECT_EQ(board.first().requests, 21u);
    EXPECT_EQ(board.first().delta_requests, 7u);
    EXPECT_EQ(board.first().threads[0].requests, 21u);
    board.occupy(1, 0, WorkerState::empty);
    EXPECT_EQ(board.first().pid, 70) << "better one that drains than none";
}

TEST(Scoreboard, answers_are_those_of_one_bank_in_both_lanes) {
    const Shared board;
    board.use(0, 1, 2);
    board.use(1, 1, 1);
    board.slot(0, 1).thread[0].status_classes[1] = 90;
    board.slot(0, 1).thread[1].status_classes[4] = 10;
    board.slot(1, 1).thread[0].status_classes[4] = 1000;
    const Answers first = read_answers(board.reader.board(), 0, 1);
    EXPECT_EQ(first.all, 100u);
    EXPECT_EQ(first.errors, 10u);
    EXPECT_EQ(read_answers(board.reader.board(), 1, 1).errors, 1000u);
    EXPECT_EQ(read_answers(board.reader.board(), 0, 0).all, 0u);
    board.slot(0, 1).thread[1].status_classes[4] = std::numeric_limits<std::uint64_t>::max();
    EXPECT_GE(read_answers(board.reader.board(), 0, 100'000).all, read_answers(board.reader.board(), 0, 1).errors);
}

TEST(Scoreboard, requests_of_threads_that_are_no_longer_used_still_count) {
    const Shared board;
    board.use(0, 1, 4);
    board.slot(0, 1).thread[3].requests = 100;
    board.slot(0, 1).threads = 1;
    EXPECT_EQ(read_workers(board.reader.board(), 0, 1).front().requests, 100u);
}

TEST(Scoreboard, a_running_request_shows_its_line) {
    const Shared board;
    board.use(0, 1, 1);
    ThreadSlot& thread = board.slot(0, 1).thread[0];
    std::memcpy(thread.request_line.data(), "GET /x", 6);
    thread.request_line_length = 6;
    EXPECT_EQ(read_workers(board.reader.board(), 0, 1).front().threads[0].request_line, "");
    thread.request_started_us = 99;
    EXPECT_EQ(read_workers(board.reader.board(), 0, 1).front().threads[0].request_line, "GET /x");
}

TEST(Scoreboard, values_beyond_every_limit_are_clamped) {
    const Shared board;
    WorkerSlot& slot = board.slot(0, 1);
    slot.threads = std::numeric_limits<std::uint32_t>::max();
    slot.most_threads = std::numeric_limits<std::uint32_t>::max();
    slot.state = 12345;
    slot.pid = -5;
    slot.requests_at_spawn = std::numeric_limits<std::uint64_t>::max();
    for (auto& thread : slot.thread) thread.requests = std::numeric_limits<std::uint64_t>::max();
    slot.thread[0].request_started_us = 1;
    slot.thread[0].request_line_length = std::numeric_limits<std::uint32_t>::max();
    const auto worker = read_workers(board.reader.board(), 99, 1).empty()
                            ? WorkerFigures{}
                            : read_workers(board.reader.board(), 0, 1).front();
    EXPECT_EQ(worker.threads.size(), static_cast<std::size_t>(max_threads));
    EXPECT_EQ(worker.state, WorkerState::empty);
    EXPECT_EQ(worker.pid, 0);
    EXPECT_LE(worker.requests, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    EXPECT_EQ(worker.delta_requests, 0u);
    EXPECT_EQ(worker.threads[0].request_line.size(), request_line_size);
    EXPECT_EQ(read_workers(board.reader.board(), 0, 1'000'000).size(), static_cast<std::size_t>(max_workers));
    EXPECT_TRUE(read_workers(board.reader.board(), 0, -1).empty());
}

TEST(Scoreboard, it_cannot_be_shrunk_under_its_readers) {
    const Shared board;
    EXPECT_NE(::ftruncate(board.fd.get(), 0), 0);
    EXPECT_NE(::ftruncate(board.fd.get(), sizeof(Board) * 2), 0);
}

TEST(Scoreboard, what_is_unsealed_foreign_or_of_another_size_is_not_mapped) {
    const UniqueFd unsealed(::memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(unsealed.get(), sizeof(Board)), 0);
    EXPECT_FALSE(map(unsealed.get()));
    ASSERT_EQ(::fcntl(unsealed.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    EXPECT_FALSE(map(unsealed.get()));  // all zeroes: no magic number
    const UniqueFd small(::memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(small.get(), 4096), 0);
    ASSERT_EQ(::fcntl(small.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    EXPECT_FALSE(map(small.get()));
    EXPECT_FALSE(map(-1));
    const UniqueFd pipe_like(::open("/dev/null", O_RDWR | O_CLOEXEC));
    EXPECT_FALSE(map(pipe_like.get()));
}

link::LogRecord line(int number) {
    return {link::LogStream::err, 2, 3, number, 0, false, "line " + std::to_string(number)};
}

TEST(LogRing, the_last_lines_come_oldest_first) {
    const Shared board;
    EXPECT_TRUE(read_log(board.reader.board()).empty());
    for (int i = 0; i < 450; ++i) append_log(board.writer.board(), line(i));
    const auto lines = read_log(board.reader.board());
    ASSERT_EQ(lines.size(), static_cast<std::size_t>(log_lines));
    EXPECT_EQ(lines.front().text, "line 250");
    EXPECT_EQ(lines.back().text, "line 449");
    EXPECT_EQ(lines.back().stream, link::LogStream::err);
    EXPECT_EQ(lines.back().worker, 2);
    EXPECT_EQ(lines.back().generation, 3u);
    EXPECT_EQ(lines.back().time_us, 449);
    EXPECT_EQ(read_log(board.reader.board(), 3).front().text, "line 447");
}

TEST(LogRing, a_line_that_is_being_written_is_left_out) {
    const Shared board;
    for (int i = 0; i < 3; ++i) append_log(board.writer.board(), line(i));
    board.writer.board().log[1].sequence = 2 * 1 + 1;
    const auto lines = read_log(board.reader.board());
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[1].text, "line 2");
}

TEST(LogRing, nonsense_in_it_harms_no_reader) {
    const Shared board;
    append_log(board.writer.board(), line(0));
    board.writer.board().log[0].length = std::numeric_limits<std::uint32_t>::max();
    board.writer.board().log[0].meta = std::numeric_limits<std::uint32_t>::max();
    const auto lines = read_log(board.reader.board());
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].text.size(), log_text_size);
    board.writer.board().log_next = std::numeric_limits<std::uint64_t>::max();
    EXPECT_LE(read_log(board.reader.board()).size(), static_cast<std::size_t>(log_lines));
}

}  // namespace
}  // namespace common::scoreboard
