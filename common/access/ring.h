// SPDX-License-Identifier: Apache-2.0
// Rings of bytes between the threads of a vassal's workers (one writer each) and its master (the reader of all), in
// memory that the master makes before it forks anybody. Writing never waits and makes no system call; what finds no
// room is counted. A writer that is killed leaves what it had published; what it was writing is not published yet.
//
// Sizes: 512 KiB per ring, less where there are many, so that all of them take at most 1 GiB of addresses (256 workers
// in two lanes with 64 threads each: 32 KiB). Addresses, not memory: pages are there once they were written to, and a
// writer whose reader has caught up begins at the front again, so that a vassal touches what it needs between two
// visits of the master.
//
// The app shares the memory: the reader takes `head`, sizes and contents for whatever they are, keeps its own position,
// copies a record before it looks at it, and goes on behind what it cannot understand.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/access/record.h"
#include "common/base/result.h"

namespace common::access {

struct RingState {
    alignas(64) std::atomic<std::uint64_t> head;  // the writer's: bytes published since the begin
    std::atomic<std::uint64_t> dropped;           // records without room
    // The last begin at the front: between the two positions is nothing. Written while all was read, before `head`.
    std::atomic<std::uint64_t> skip_from, skip_to;
    alignas(64) std::atomic<std::uint64_t> tail;  // the reader's: bytes taken
};

struct RingView {
    RingState* state = nullptr;
    char* data = nullptr;
    std::size_t size = 0;  // a power of two
};

// Hot path. Used by one thread: reserve() as much as a record may need, fill it, publish() what it took.
class RingWriter {
public:
    RingWriter() noexcept = default;
    explicit RingWriter(const RingView& ring) noexcept;

    // `size` bytes in one piece; null: no room, counted.
    [[nodiscard]] char* reserve(std::size_t size) noexcept {
        std::size_t position = head_ & (ring_.size - 1);
        if (position >= size && ring_.state->tail.load(std::memory_order_acquire) == head_) {
            begin_at_front();
            position = 0;
        }
        const std::size_t rest = ring_.size - position;
        const std::size_t skipped = rest < size ? rest : 0;  // a record lies in one piece
        if (!has_room(skipped + size) && !has_room_now(skipped + size)) return nullptr;
        if (skipped != 0) pad(skipped);
        return ring_.data + (head_ & (ring_.size - 1));
    }
    // `size`: a multiple of record_alignment, at most what was reserved. True: more than half of the ring waits for the
    // reader.
    [[nodiscard]] bool publish(std::size_t size) noexcept {
        head_ += size;
        ring_.state->head.store(head_, std::memory_order_release);
        if (head_ - tail_ <= ring_.size / 2) return false;
        see_tail();
        return head_ - tail_ > ring_.size / 2;
    }

private:
    [[nodiscard]] bool has_room(std::size_t size) const noexcept {
        const std::uint64_t used = head_ - tail_;
        return used <= ring_.size && ring_.size - used >= size;
    }
    // The same with the reader's position of this moment. False: counted.
    [[nodiscard]] bool has_room_now(std::size_t size) noexcept;
    // A reader that has not seen the last begin at the front yet has nothing left before it.
    void see_tail() noexcept { tail_ = std::max(ring_.state->tail.load(std::memory_order_acquire), front_); }
    void begin_at_front() noexcept;
    void pad(std::size_t size) noexcept;

    RingView ring_;
    std::uint64_t head_ = 0;
    std::uint64_t tail_ = 0;   // seen last
    std::uint64_t front_ = 0;  // the last begin at the front
};

// The master's end of one ring.
class RingReader {
public:
    using Scratch = std::array<char, max_record_size>;

    explicit RingReader(const RingView& ring) noexcept : ring_(ring) {}

    // Calls take(std::string_view record) for each record that was published before the call; the view is a copy in
    // `scratch`; false: not understood. Returns how many were lost since the last time: that, and those without room.
    template <class Take>
    std::uint64_t drain(Scratch& scratch, Take&& take) {
        const std::uint64_t head = ring_.state->head.load(std::memory_order_acquire);
        std::uint64_t lost = take_dropped();
        if (head == tail_) return lost;
        skip(head);
        while (tail_ != head) {
            const Piece piece = next(head, scratch);
            tail_ += piece.size;
            if (piece.is_padding) continue;
            if (piece.record.empty() || !take(piece.record)) ++lost;
        }
        ring_.state->tail.store(tail_, std::memory_order_release);
        return lost;
    }

private:
    struct Piece {
        std::uint64_t size = 0;
        bool is_padding = false;
        std::string_view record;  // empty: not understood
    };

    void skip(std::uint64_t head) noexcept;
    [[nodiscard]] Piece next(std::uint64_t head, Scratch& scratch) const noexcept;
    [[nodiscard]] std::uint64_t take_dropped() noexcept;

    RingView ring_;
    std::uint64_t tail_ = 0;
    std::uint64_t dropped_ = 0;
};

// The memory of all rings of one generation. Made by the master, inherited by its children.
class Rings {
public:
    // A worker's replacement in the other lane writes while the worker drains: each process has its set of rings.
    static constexpr std::size_t lanes = 2;
    [[nodiscard]] static std::size_t set_of(int worker, int lane) noexcept {
        return static_cast<std::size_t>(worker - 1) * lanes + static_cast<std::size_t>(lane);
    }
    [[nodiscard]] static std::size_t worker_of(std::size_t set) noexcept { return set / lanes + 1; }

    [[nodiscard]] static Result<Rings> make(std::size_t workers, std::size_t threads);
    Rings(Rings&& other) noexcept;
    Rings& operator=(Rings&& other) noexcept;
    ~Rings();

    [[nodiscard]] std::size_t sets() const noexcept { return sets_; }
    [[nodiscard]] std::size_t threads() const noexcept { return threads_; }
    [[nodiscard]] std::size_t ring_size() const noexcept { return ring_size_; }
    [[nodiscard]] RingView ring(std::size_t set, std::size_t thread) const noexcept;

private:
    Rings(char* memory, std::size_t sets, std::size_t threads, std::size_t ring_size) noexcept
        : memory_(memory), sets_(sets), threads_(threads), ring_size_(ring_size) {}
    [[nodiscard]] std::size_t states_size() const noexcept;
    [[nodiscard]] std::size_t memory_size() const noexcept { return states_size() + sets_ * threads_ * ring_size_; }

    char* memory_ = nullptr;
    std::size_t sets_ = 0, threads_ = 0, ring_size_ = 0;
};

}  // namespace common::access
