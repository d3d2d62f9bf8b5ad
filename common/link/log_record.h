// SPDX-License-Identifier: Apache-2.0
// One line of an app's output on the log channel from master to emperor (SOCK_SEQPACKET, one record per packet).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace common::link {

enum class LogStream : std::uint8_t {
    out = 0,
    err = 1,
    master = 2,  // the vassal's own words about the app
    access = 3,  // lines of the access log, several in one record; never in the scoreboard's ring
};

struct LogRecord {
    LogStream stream = LogStream::out;
    std::uint16_t worker = 0;        // 1..N; 0: the master, before_start or the mold
    std::uint32_t generation = 0;
    std::int64_t time_us = 0;        // microseconds since the epoch
    std::uint64_t dropped = 0;       // records lost before this one because nobody read the channel
    bool is_journaled = false;       // the journal has it already
    // One line without its newline, at most max_line_size bytes, bytes as the app wrote them; of the access log: lines
    // with newlines, at most max_batch_size bytes.
    std::string text;
};

inline constexpr std::size_t max_line_size = 8192;  // longer lines are split
inline constexpr std::size_t max_batch_size = 32 * 1024;

[[nodiscard]] std::string encode(const LogRecord& record);
[[nodiscard]] Result<LogRecord> decode_log_record(std::string_view payload);

}  // namespace common::link
