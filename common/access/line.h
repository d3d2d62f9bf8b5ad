// SPDX-License-Identifier: Apache-2.0
// One record as one line of text or JSON. Owned by the master's access log; keeps nothing but the second that it wrote
// last. Writes into room that the caller has: no heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/access/escape.h"
#include "common/access/format.h"
#include "common/access/record.h"

namespace common::access {

// No line is longer, its newline included, whatever the client and the app sent.
inline constexpr std::size_t max_line_size = 16 * 1024;

struct Origin {
    std::size_t worker = 0, thread = 0;  // from 1, from 0
    std::int64_t epoch_offset_us = 0;    // CLOCK_REALTIME minus CLOCK_MONOTONIC
};

class LineWriter {
public:
    LineWriter(Format format, std::string_view vassal, std::uint32_t generation)
        : format_(std::move(format)), vassal_(vassal), generation_(generation) {}

    // `to` has room for max_line_size bytes. Returns the end.
    [[nodiscard]] char* write(char* to, const Record& record, const Origin& origin) noexcept;

    [[nodiscard]] const Format& format() const noexcept { return format_; }

private:
    struct Line;  // the one being written

    void write_piece(Line& line, const Piece& piece, const Record& record, const Origin& origin) noexcept;
    void write_text(Line& line, std::string_view text, bool is_word, bool is_cut = false) noexcept;
    void write_value(Line& line, const Piece& piece, const Record& record) noexcept;
    void write_time(Line& line, std::int64_t epoch_us, bool is_common) noexcept;
    void write_field(Line& line, std::string_view name, std::string_view fields) noexcept;
    void write_all_fields(Line& line, std::string_view fields) noexcept;

    const Format format_;
    const std::string vassal_;
    const std::uint32_t generation_;
    std::int64_t second_ = -1;
    char iso_[32] = {};     // 2026-11-22T17:18:22
    char common_[32] = {};  // 22/Nov/2026:17:18:22 +0000
    std::size_t iso_size_ = 0, common_size_ = 0;
};

}  // namespace common::access
