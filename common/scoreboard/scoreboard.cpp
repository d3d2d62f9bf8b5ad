// SPDX-License-Identifier: Apache-2.0
#include "common/scoreboard/scoreboard.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <utility>

namespace common::scoreboard {

namespace {

constexpr int required_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
// Every reader of the figures can hold this one, also those with signed integers.
constexpr std::uint64_t highest = std::numeric_limits<std::int64_t>::max();

std::uint64_t get(const std::atomic<std::uint64_t>& value) noexcept {
    return std::min(value.load(std::memory_order_relaxed), highest);
}

std::uint64_t plus(std::uint64_t a, std::uint64_t b) noexcept { return a > highest - b ? highest : a + b; }

std::size_t used_threads(const WorkerSlot& slot) noexcept {
    return std::min<std::size_t>(slot.most_threads.load(std::memory_order_relaxed), max_threads);
}

void add(WorkerFigures& figures, const ThreadSlot& thread) noexcept {
    figures.requests = plus(figures.requests, get(thread.requests));
    figures.exceptions = plus(figures.exceptions, get(thread.exceptions));
    figures.bytes_out = plus(figures.bytes_out, get(thread.bytes_out));
    figures.bytes_in = plus(figures.bytes_in, get(thread.bytes_in));
    figures.busy_us = plus(figures.busy_us, get(thread.busy_us));
    figures.write_errors = plus(figures.write_errors, get(thread.write_errors));
    figures.read_errors = plus(figures.read_errors, get(thread.read_errors));
    figures.client_aborts = plus(figures.client_aborts, get(thread.client_aborts));
    for (std::size_t i = 0; i < std::size(figures.status_classes); ++i)
        figures.status_classes[i] = plus(figures.status_classes[i], get(thread.status_classes[i]));
}

void add(WorkerFigures& figures, const WorkerSlot& slot) noexcept {
    figures.spawns = plus(figures.spawns, get(slot.spawns));
    figures.timeouts = plus(figures.timeouts, get(slot.timeouts));
    figures.signal_deaths = plus(figures.signal_deaths, get(slot.signal_deaths));
    figures.crashes = plus(figures.crashes, get(slot.crashes));
    figures.oom_kills = plus(figures.oom_kills, get(slot.oom_kills));
    figures.recycled_requests = plus(figures.recycled_requests, get(slot.recycled_requests));
    figures.recycled_memory = plus(figures.recycled_memory, get(slot.recycled_memory));
    figures.recycled_age = plus(figures.recycled_age, get(slot.recycled_age));
    for (std::size_t i = 0; i < used_threads(slot); ++i) add(figures, slot.thread[i]);
}

std::string request_line(const ThreadSlot& thread) {
    const std::size_t length =
        std::min<std::size_t>(thread.request_line_length.load(std::memory_order_relaxed), request_line_size);
    return std::string(thread.request_line.data(), length);
}

// What the operator wants to see first.
int rank(WorkerState state) noexcept {
    switch (state) {
        case WorkerState::serving: return 5;
        case WorkerState::ready: return 4;
        case WorkerState::starting: return 3;
        case WorkerState::draining: return 2;
        case WorkerState::backoff: return 1;
        case WorkerState::empty: break;
    }
    return 0;
}

WorkerState state_of(const WorkerSlot& slot) noexcept {
    const auto state = slot.state.load(std::memory_order_relaxed);
    return state <= static_cast<std::uint32_t>(WorkerState::backoff) ? static_cast<WorkerState>(state) : WorkerState::empty;
}

// Null where the bank's slot was never used.
const WorkerSlot* shown_slot(const Board& board, int bank, std::size_t worker) noexcept {
    const WorkerSlot* shown = nullptr;
    for (int lane = 0; lane < lanes; ++lane) {
        const std::size_t row = row_of(bank, lane);
        if (!is_used(board, row, worker)) continue;
        const WorkerSlot& slot = board.worker[row][worker];
        if (!shown || rank(state_of(slot)) > rank(state_of(*shown))) shown = &slot;
    }
    return shown;
}

// All rows' slots of a worker that were ever used.
template <class Visit>
void for_each_used(const Board& board, std::size_t worker, Visit visit) {
    for (std::size_t row = 0; row < board.worker.size(); ++row)
        if (is_used(board, row, worker)) visit(board.worker[row][worker]);
}

// Counters of one thread index over all rows; what runs now from the slot shown.
WorkerFigures::Thread read_thread(const Board& board, const WorkerSlot& shown, std::size_t worker, std::size_t index) {
    WorkerFigures::Thread figures;
    for_each_used(board, worker, [&](const WorkerSlot& slot) {
        if (index >= used_threads(slot)) return;
        const ThreadSlot& thread = slot.thread[index];
        figures.requests = plus(figures.requests, get(thread.requests));
        figures.write_errors = plus(figures.write_errors, get(thread.write_errors));
        figures.read_errors = plus(figures.read_errors, get(thread.read_errors));
    });
    const ThreadSlot& now = shown.thread[index];
    figures.request_started_us = std::min(now.request_started_us.load(std::memory_order_acquire), highest);
    if (figures.request_started_us != 0) figures.request_line = request_line(now);
    return figures;
}

WorkerFigures read_worker(const Board& board, int bank, std::size_t worker) {
    WorkerFigures figures;
    figures.id = static_cast<int>(worker) + 1;
    for_each_used(board, worker, [&](const WorkerSlot& used) { add(figures, used); });
    const WorkerSlot* const shown = shown_slot(board, bank, worker);
    if (!shown) return figures;
    const WorkerSlot& slot = *shown;
    figures.state = state_of(slot);
    figures.pid = std::max(slot.pid.load(std::memory_order_relaxed), 0);
    figures.generation = slot.generation.load(std::memory_order_relaxed);
    figures.spawned_epoch_us = get(slot.spawned_epoch_us);
    figures.startup_us = get(slot.startup_us);
    figures.delta_requests = requests_served(slot);
    const std::size_t threads = std::min<std::size_t>(slot.threads.load(std::memory_order_relaxed), max_threads);
    figures.threads.reserve(threads);
    for (std::size_t i = 0; i < threads; ++i) figures.threads.push_back(read_thread(board, slot, worker, i));
    return figures;
}

}  // namespace

Mapping::Mapping(Mapping&& other) noexcept : board_(std::exchange(other.board_, nullptr)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
    if (this != &other) {
        if (board_ != nullptr) ::munmap(board_, sizeof(Board));
        board_ = std::exchange(other.board_, nullptr);
    }
    return *this;
}

Mapping::~Mapping() {
    if (board_ != nullptr) ::munmap(board_, sizeof(Board));
}

Result<UniqueFd> create(const std::string& vassal) {
    const std::string name = "scoreboard of " + vassal;
    UniqueFd fd(::memfd_create(name.substr(0, 200).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) return system_error("create the " + name);
    if (::ftruncate(fd.get(), sizeof(Board)) != 0) return system_error("size the " + name);
    // The kernel's zeroes are the initial value of every counter; the memory of a memfd needs no constructor.
    void* memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (memory == MAP_FAILED) return system_error("map the " + name);
    const Mapping mapping(static_cast<Board*>(memory));
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    mapping.board().created_epoch_us.store(
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
    mapping.board().version.store(layout_version);
    mapping.board().magic_number.store(magic);
    if (::fcntl(fd.get(), F_ADD_SEALS, required_seals) != 0) return system_error("seal the " + name);
    return fd;
}

Result<Mapping> map(int fd) {
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0) return system_error("scoreboard: read its seals");
    if ((seals & required_seals) != required_seals) return failure("scoreboard: it is not sealed");
    struct stat info {};
    if (::fstat(fd, &info) != 0) return system_error("scoreboard: read its size");
    if (info.st_size != static_cast<off_t>(sizeof(Board))) return failure("scoreboard: it has another version's size");
    void* memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return system_error("map the scoreboard");
    Mapping mapping(static_cast<Board*>(memory));
    if (mapping.board().magic_number.load() != magic || mapping.board().version.load() != layout_version)
        return failure("scoreboard: it has another version's layout");
    return mapping;
}

std::uint64_t sum_requests(const WorkerSlot& slot) noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < used_threads(slot); ++i) sum = plus(sum, get(slot.thread[i].requests));
    return sum;
}

std::uint64_t requests_served(const WorkerSlot& slot) noexcept {
    const std::uint64_t now = sum_requests(slot);
    const std::uint64_t at_spawn = get(slot.requests_at_spawn);
    return now > at_spawn ? now - at_spawn : 0;
}

Answers read_answers(const Board& board, int bank, int count) noexcept {
    constexpr std::size_t server_errors = 4;  // 1xx..5xx
    Answers answers;
    const auto workers = static_cast<std::size_t>(std::clamp(count, 0, max_workers));
    for (int lane = 0; lane < lanes; ++lane) {
        const auto& row = board.worker[row_of(std::clamp(bank, 0, banks - 1), lane)];
        for (std::size_t i = 0; i < workers; ++i) {
            for (std::size_t thread = 0; thread < used_threads(row[i]); ++thread) {
                const auto& classes = row[i].thread[thread].status_classes;
                for (const auto& counter : classes) answers.all = plus(answers.all, get(counter));
                answers.errors = plus(answers.errors, get(classes[server_errors]));
            }
        }
    }
    return answers;
}

int used_workers(const Board& board) noexcept {
    std::uint32_t most = 0;
    for (const auto& used : board.used_workers) most = std::max(most, used.load(std::memory_order_relaxed));
    return static_cast<int>(std::min<std::uint32_t>(most, max_workers));
}

std::uint64_t count_latencies(const Board& board, int count) noexcept {
    std::uint64_t sum = 0;
    for (int worker = 0; worker < std::min(count, max_workers); ++worker) {
        for_each_used(board, static_cast<std::size_t>(worker), [&](const WorkerSlot& slot) {
            sum = plus(sum, plus(get(slot.service.count), get(slot.queue.count)));
        });
    }
    return sum;
}

void read_worker_latencies(const Board& board, int worker, VassalLatencies& into) noexcept {
    if (worker < 1 || worker > max_workers) return;
    for_each_used(board, static_cast<std::size_t>(worker) - 1, [&](const WorkerSlot& slot) {
        into.service.add(slot.service, slot.service_buckets);
        into.queue.add(slot.queue, slot.queue_buckets);
    });
}

void read_latencies(const Board& board, int count, VassalLatencies& into) noexcept {
    for (int worker = 1; worker <= std::min(count, max_workers); ++worker) read_worker_latencies(board, worker, into);
}

std::vector<WorkerFigures> read_workers(const Board& board, int bank, int count) {
    std::vector<WorkerFigures> workers;
    const int from = std::clamp(bank, 0, banks - 1);
    const auto total = static_cast<std::size_t>(std::clamp(count, 0, max_workers));
    workers.reserve(total);
    for (std::size_t i = 0; i < total; ++i) workers.push_back(read_worker(board, from, i));
    return workers;
}

}  // namespace common::scoreboard
