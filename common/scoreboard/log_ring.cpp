// SPDX-License-Identifier: Apache-2.0
// The ring of the last log lines (layout.h says how its slots are locked).
#include <algorithm>
#include <cstring>

#include "common/scoreboard/scoreboard.h"

namespace common::scoreboard {

void append_log(Board& board, const link::LogRecord& record) noexcept {
    const std::uint64_t ticket = board.log_next.fetch_add(1, std::memory_order_relaxed);
    LogSlot& slot = board.log[ticket % log_lines];
    slot.sequence.store(2 * ticket + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    const std::size_t length = std::min(record.text.size(), log_text_size);
    slot.time_us.store(record.time_us, std::memory_order_relaxed);
    slot.meta.store(static_cast<std::uint32_t>(record.stream) | static_cast<std::uint32_t>(record.worker) << 8,
                    std::memory_order_relaxed);
    slot.generation.store(record.generation, std::memory_order_relaxed);
    slot.length.store(static_cast<std::uint32_t>(length), std::memory_order_relaxed);
    std::memcpy(slot.text.data(), record.text.data(), length);
    slot.sequence.store(2 * ticket + 2, std::memory_order_release);
}

std::vector<link::LogRecord> read_log(const Board& board, std::size_t limit) {
    std::vector<link::LogRecord> lines;
    const std::uint64_t next = board.log_next.load(std::memory_order_relaxed);
    const std::uint64_t wanted = std::min<std::uint64_t>({limit, log_lines, next});
    lines.reserve(wanted);
    for (std::uint64_t ticket = next - wanted; ticket != next; ++ticket) {
        const LogSlot& slot = board.log[ticket % log_lines];
        if (slot.sequence.load(std::memory_order_acquire) != 2 * ticket + 2) continue;
        const std::uint32_t meta = slot.meta.load(std::memory_order_relaxed);
        link::LogRecord record;
        record.stream = static_cast<link::LogStream>(std::min<std::uint32_t>(meta & 0xff, 2));
        record.worker = static_cast<std::uint16_t>(std::min<std::uint32_t>(meta >> 8, max_workers));
        record.generation = slot.generation.load(std::memory_order_relaxed);
        record.time_us = slot.time_us.load(std::memory_order_relaxed);
        record.text.assign(slot.text.data(),
                           std::min<std::size_t>(slot.length.load(std::memory_order_relaxed), log_text_size));
        std::atomic_thread_fence(std::memory_order_acquire);
        if (slot.sequence.load(std::memory_order_relaxed) == 2 * ticket + 2) lines.push_back(std::move(record));
    }
    return lines;
}

}  // namespace common::scoreboard
