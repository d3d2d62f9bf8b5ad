// SPDX-License-Identifier: Apache-2.0
// Creation, checked mapping and reading of a vassal's scoreboard (layout.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/link/log_record.h"
#include "common/scoreboard/layout.h"

namespace common::scoreboard {

// A mapped board; unmapped by the destructor. The reference is valid as long as the Mapping lives.
class Mapping {
public:
    Mapping() noexcept = default;
    explicit Mapping(Board* board) noexcept : board_(board) {}
    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&& other) noexcept;
    ~Mapping();

    [[nodiscard]] explicit operator bool() const noexcept { return board_ != nullptr; }
    [[nodiscard]] Board& board() const noexcept { return *board_; }

private:
    Board* board_ = nullptr;
};

// A new sealed memfd (SHRINK, GROW, SEAL) of sizeof(Board), header filled in. CLOEXEC.
[[nodiscard]] Result<UniqueFd> create(const std::string& vassal);

// Checks seals, size, magic and version before mapping: an unsealed memfd lets its other owner SIGBUS us.
[[nodiscard]] Result<Mapping> map(int fd);

// Figures of one worker slot, all its rows added; process fields of the process that serves in the bank given, or of the
// nearest to it: one that starts, one that drains.
struct WorkerFigures {
    int id = 0;  // 1..N
    WorkerState state = WorkerState::empty;
    std::int32_t pid = 0;
    std::uint32_t generation = 0;
    std::uint64_t spawned_epoch_us = 0, startup_us = 0;
    std::uint64_t requests = 0, delta_requests = 0, exceptions = 0, bytes_out = 0, bytes_in = 0, busy_us = 0;
    std::uint64_t write_errors = 0, read_errors = 0, client_aborts = 0;
    std::uint64_t spawns = 0, timeouts = 0, signal_deaths = 0, crashes = 0;
    std::uint64_t oom_kills = 0, recycled_requests = 0, recycled_memory = 0, recycled_age = 0;
    std::uint64_t status_classes[5] = {};
    struct Thread {
        std::uint64_t requests = 0, write_errors = 0, read_errors = 0;
        std::uint64_t request_started_us = 0;  // 0: idle
        std::string request_line;              // only while in a request
    };
    std::vector<Thread> threads;
};

// Slots 1..count of `bank` (the active generation's).
[[nodiscard]] std::vector<WorkerFigures> read_workers(const Board& board, int bank, int count);

// The highest worker slot that was ever used, in any row.
[[nodiscard]] int used_workers(const Board& board) noexcept;

// Latencies of slots 1..count, since the vassal began.
struct VassalLatencies {
    Latencies service, queue;
};
// Cheap: how many durations there are, to see whether reading them all is worth it.
[[nodiscard]] std::uint64_t count_latencies(const Board& board, int count) noexcept;
void read_worker_latencies(const Board& board, int worker, VassalLatencies& into) noexcept;  // worker: 1…
void read_latencies(const Board& board, int count, VassalLatencies& into) noexcept;

// Requests of one row's slot since the vassal began (what the master stores as requests_at_spawn).
[[nodiscard]] std::uint64_t sum_requests(const WorkerSlot& slot) noexcept;
// Those of the process that occupies the slot.
[[nodiscard]] std::uint64_t requests_served(const WorkerSlot& slot) noexcept;

// What the first `count` workers of one bank have answered since the vassal began, in both lanes.
struct Answers {
    std::uint64_t all = 0, errors = 0;  // errors: 5xx
};
[[nodiscard]] Answers read_answers(const Board& board, int bank, int count) noexcept;

// The last `limit` lines, oldest first.
void append_log(Board& board, const link::LogRecord& record) noexcept;
[[nodiscard]] std::vector<link::LogRecord> read_log(const Board& board, std::size_t limit = log_lines);

}  // namespace common::scoreboard
