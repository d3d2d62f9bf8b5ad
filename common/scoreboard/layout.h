// SPDX-License-Identifier: Apache-2.0
// The shared memory of one vassal: every counter, and the last lines of its log. One sealed memfd, created by the
// emperor, mapped by emperor, master and workers, handed from generation to generation so that counters are monotonic.
//
// Two banks, because at most two generations live at once: an active one and its successor write different banks. Two
// lanes in each, because the replacement of worker k starts while the old process drains. The figures of worker slot k
// are the sums over all four rows; nothing is reset when a slot is used again, except the fields under "this process".
// Writers: a worker's thread writes its ThreadSlot and nobody else does; the master writes the WorkerSlot's process
// fields; the emperor writes the header once; the threads of a worker share its latencies. All fields are lock-free
// atomics with relaxed order unless said otherwise. A tenant's process can write anything here: readers treat every
// value as untrusted. The layout is fixed-size and sparse: pages that nobody touched cost nothing. A read touches, too
// (the kernel gives shared memory a page of its own for it): whoever goes over slots asks is_used() first.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/scoreboard/latency.h"

namespace common::scoreboard {

inline constexpr std::uint32_t magic = 0x45'4d'50'31;  // "EMP1"
inline constexpr std::uint32_t layout_version = 4;
inline constexpr int max_workers = 256;
inline constexpr int max_threads = 64;
inline constexpr int banks = 2;
inline constexpr int lanes = 2;
inline constexpr int log_lines = 200;
inline constexpr std::size_t log_text_size = 1000;
inline constexpr std::size_t request_line_size = 192;

enum class WorkerState : std::uint32_t { empty, starting, ready, serving, draining, backoff };

struct alignas(64) ThreadSlot {
    // Since the vassal began.
    std::atomic<std::uint64_t> requests;
    std::atomic<std::uint64_t> exceptions;      // uncaught by the app, answered with 500
    std::atomic<std::uint64_t> bytes_out;
    std::atomic<std::uint64_t> bytes_in;        // request bodies
    std::atomic<std::uint64_t> busy_us;         // time inside the app
    std::atomic<std::uint64_t> write_errors;
    std::atomic<std::uint64_t> read_errors;
    std::atomic<std::uint64_t> client_aborts;   // the client went away before the response was complete
    // Now. request_started_us is written last with release order when a request begins, and set to 0 when it ends. It lies
    // in the far future while the app waits for its client, and is then moved on by what was waited.
    std::atomic<std::uint64_t> status_classes[5];  // 1xx..5xx, since the vassal began
    std::atomic<std::uint64_t> request_started_us; // CLOCK_MONOTONIC microseconds; 0: no request
    std::atomic<std::uint64_t> request_sequence;   // counts up at each begin: tells two equal requests apart
    std::atomic<std::uint32_t> request_line_length;
    std::atomic<std::int32_t> thread_id;           // the kernel's, of this process's thread
    std::atomic<std::uint32_t> lock_wait;          // odd while it waits for the interpreter lock to accept somebody
    std::array<char, request_line_size> request_line;  // "GET /path?query", cut; torn reads are possible and harmless
};

struct alignas(64) WorkerSlot {
    // This process.
    std::atomic<std::uint32_t> state;           // WorkerState
    std::atomic<std::int32_t> pid;              // 0: none
    std::atomic<std::uint64_t> pid_start_ticks; // field 22 of /proc/PID/stat: pid + this name a process for ever
    std::atomic<std::uint64_t> spawned_epoch_us;
    std::atomic<std::uint64_t> startup_us;      // from the fork until it was ready; 0: not yet
    std::atomic<std::uint64_t> requests_at_spawn;  // delta_requests = sum(requests of this slot) - this
    std::atomic<std::uint32_t> generation;
    std::atomic<std::uint32_t> threads;
    // Since the vassal began.
    std::atomic<std::uint64_t> spawns;
    std::atomic<std::uint64_t> timeouts;        // processes ended because of timeouts.request
    std::atomic<std::uint64_t> signal_deaths;   // unexpected ones, without those of timeouts
    std::atomic<std::uint64_t> crashes;         // unexpected ends of any kind, these two among them
    std::atomic<std::uint32_t> most_threads;    // highest `threads` so far: thread slots beyond were never touched
    std::atomic<std::uint32_t> unfinished;      // this process: connections that wait in the middle of a request or answer
    std::atomic<std::uint64_t> oom_kills;       // of the signal_deaths
    std::atomic<std::uint64_t> recycled_requests;  // processes replaced because of recycle.max_requests
    std::atomic<std::uint64_t> recycled_memory;    // recycle.max_rss
    std::atomic<std::uint64_t> recycled_age;       // recycle.max_age
    // Of requests that reached the app or a static file. `service`: as busy_us counts. `queue`: from the front end's
    // X-Request-Start, else from the request's first bytes, until the app is called.
    LatencyCounts service;
    LatencyCounts queue;
    std::array<ThreadSlot, max_threads> thread;
    LatencyBuckets service_buckets;
    LatencyBuckets queue_buckets;
};

// The ring of the last lines. The master of the active generation (or of both) appends: it takes a ticket from
// `next`, marks the slot odd, fills it, marks it even (a seqlock): a reader drops slots that change under it.
struct alignas(64) LogSlot {
    std::atomic<std::uint64_t> sequence;  // 2 * ticket + 2 when complete, odd while written, 0 when never used
    std::atomic<std::int64_t> time_us;    // epoch
    std::atomic<std::uint32_t> meta;      // stream | worker << 8
    std::atomic<std::uint32_t> generation;
    std::atomic<std::uint32_t> length;
    std::array<char, log_text_size> text;
};

struct Board {
    std::atomic<std::uint32_t> magic_number;
    std::atomic<std::uint32_t> version;
    std::atomic<std::uint64_t> created_epoch_us;
    alignas(64) std::atomic<std::uint64_t> log_next;     // tickets handed out
    std::atomic<std::uint64_t> log_dropped;              // lines that could not be passed on to the emperor
    std::atomic<std::uint64_t> access_dropped;           // records or lines of the access log that found no room
    // By row_of(): slots beyond were never touched. Stored by the master before anything else of a slot.
    std::array<std::atomic<std::uint32_t>, banks * lanes> used_workers;
    std::atomic<std::uint64_t> log_file_dropped;         // lines that log.file did not take
    std::atomic<std::uint64_t> log_journal_dropped;      // lines that the journal did not take
    std::array<LogSlot, log_lines> log;
    std::array<std::array<WorkerSlot, max_workers>, banks * lanes> worker;  // by row_of()
};

[[nodiscard]] constexpr std::size_t row_of(int bank, int lane) noexcept {
    return static_cast<std::size_t>(lane * banks + bank);
}

[[nodiscard]] inline bool is_used(const Board& board, std::size_t row, std::size_t worker) noexcept {
    return worker < board.used_workers[row].load(std::memory_order_relaxed);
}

// `worker` counts from 0.
inline void use(Board& board, std::size_t row, std::size_t worker) noexcept {
    auto& used = board.used_workers[row];
    if (const auto count = static_cast<std::uint32_t>(worker + 1); used.load(std::memory_order_relaxed) < count)
        used.store(count, std::memory_order_relaxed);
}

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace common::scoreboard
