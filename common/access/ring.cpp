// SPDX-License-Identifier: Apache-2.0
#include "common/access/ring.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace common::access {
namespace {

constexpr std::size_t biggest_ring = 512 * 1024;
constexpr std::size_t smallest_ring = 4 * max_record_size;
constexpr std::size_t most_addresses = 1ull << 30;
constexpr std::size_t page = 4096;

std::uint64_t aligned(std::uint64_t position) noexcept {
    return (position + record_alignment - 1) & ~std::uint64_t{record_alignment - 1};
}

struct PaddingHead {
    std::uint32_t size;
    std::uint32_t kind;
};

}  // namespace

// A successor of a killed process goes on where that one had published.
RingWriter::RingWriter(const RingView& ring) noexcept
    : ring_(ring),
      head_(aligned(ring.state->head.load(std::memory_order_relaxed))),
      tail_(ring.state->tail.load(std::memory_order_acquire)) {
    // A begin at the front that was not published any more did not happen.
    if (ring.state->skip_from.load(std::memory_order_relaxed) >= head_)
        ring.state->skip_to.store(0, std::memory_order_relaxed);
}

void RingWriter::begin_at_front() noexcept {
    ring_.state->skip_from.store(head_, std::memory_order_relaxed);
    head_ += ring_.size - (head_ & (ring_.size - 1));
    ring_.state->skip_to.store(head_, std::memory_order_relaxed);
    front_ = tail_ = head_;
}

void RingWriter::pad(std::size_t size) noexcept {
    const PaddingHead head{static_cast<std::uint32_t>(size), kind_padding};
    std::memcpy(ring_.data + (head_ & (ring_.size - 1)), &head, sizeof head);
    head_ += size;  // published together with the record that follows
}

bool RingWriter::has_room_now(std::size_t size) noexcept {
    see_tail();
    if (has_room(size)) return true;
    // Somebody wrote over the positions: the reader has gone on elsewhere, and so do we.
    if (head_ - tail_ > ring_.size) head_ = aligned(tail_);
    auto& dropped = ring_.state->dropped;
    dropped.store(dropped.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return false;
}

void RingReader::skip(std::uint64_t head) noexcept {
    const std::uint64_t to = ring_.state->skip_to.load(std::memory_order_relaxed);
    if (ring_.state->skip_from.load(std::memory_order_relaxed) == tail_ && to - tail_ <= ring_.size &&
        head - to <= ring_.size)
        tail_ = to;
}

RingReader::Piece RingReader::next(std::uint64_t head, Scratch& scratch) const noexcept {
    const std::uint64_t available = head - tail_;
    const Piece senseless{.size = available, .is_padding = false, .record = {}};  // go on at what comes next
    if (available > ring_.size || (head | tail_) % record_alignment != 0) return senseless;
    const std::size_t position = tail_ & (ring_.size - 1);
    PaddingHead piece;
    std::memcpy(&piece, ring_.data + position, sizeof piece);
    if (piece.size < sizeof piece || piece.size % record_alignment != 0) return senseless;
    if (piece.size > available || piece.size > ring_.size - position) return senseless;
    if (piece.kind == kind_padding) return {piece.size, true, {}};
    if (piece.kind != kind_record || piece.size > scratch.size()) return {piece.size, false, {}};
    std::memcpy(scratch.data(), ring_.data + position, piece.size);
    return {piece.size, false, {scratch.data(), piece.size}};
}

std::uint64_t RingReader::take_dropped() noexcept {
    const std::uint64_t now = ring_.state->dropped.load(std::memory_order_relaxed);
    const std::uint64_t before = std::exchange(dropped_, now);
    return now > before ? std::min<std::uint64_t>(now - before, UINT32_MAX) : 0;
}

Result<Rings> Rings::make(std::size_t workers, std::size_t threads) {
    const std::size_t sets = workers * lanes;
    const std::size_t fair_share = std::bit_floor(most_addresses / (sets * threads));
    Rings rings(nullptr, sets, threads, std::clamp(fair_share, smallest_ring, biggest_ring));
    void* memory =
        ::mmap(nullptr, rings.memory_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return system_error("map the rings of the access log");
    rings.memory_ = static_cast<char*>(memory);  // zeroes: every ring is empty
    return rings;
}

Rings::Rings(Rings&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      sets_(other.sets_),
      threads_(other.threads_),
      ring_size_(other.ring_size_) {}

Rings& Rings::operator=(Rings&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(sets_, other.sets_);
    std::swap(threads_, other.threads_);
    std::swap(ring_size_, other.ring_size_);
    return *this;
}

Rings::~Rings() {
    if (memory_ != nullptr) ::munmap(memory_, memory_size());
}

std::size_t Rings::states_size() const noexcept {
    return (sets_ * threads_ * sizeof(RingState) + page - 1) & ~(page - 1);
}

RingView Rings::ring(std::size_t set, std::size_t thread) const noexcept {
    const std::size_t index = set * threads_ + thread;
    return {reinterpret_cast<RingState*>(memory_) + index, memory_ + states_size() + index * ring_size_, ring_size_};
}

}  // namespace common::access
