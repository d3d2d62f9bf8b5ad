// SPDX-License-Identifier: Apache-2.0
// One answered request on its way from a worker's thread to the master: fixed numbers, the values that the format asks
// for, what the app added. Native byte order: both ends are one program. The app's process could have written anything:
// read_record() believes no length.
//
//     RecordHead | u16 size of each value (top bit: cut; 0xffff: absent) | values | fields of the app
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/access/format.h"

namespace common::access {

struct RecordHead {
    std::uint32_t size = 0;  // of all of it, a multiple of 8
    std::uint32_t kind = 0;
    std::int64_t end_us = 0;  // CLOCK_MONOTONIC
    std::uint64_t bytes = 0;  // of the body
    std::uint64_t duration_us = 0;
    std::int32_t pid = 0;
    std::uint16_t status = 0;
    std::uint16_t value_count = 0;
    std::uint16_t fields_size = 0;
    std::uint16_t unused[3] = {};
};
static_assert(sizeof(RecordHead) == 48);

inline constexpr std::uint32_t kind_record = 0x41'63'63'31;
inline constexpr std::uint32_t kind_padding = 0x41'63'63'30;  // nothing; only its first 8 bytes are there for certain
inline constexpr std::size_t record_alignment = 8;
inline constexpr std::size_t max_values_size = 5800;  // of one record, together
inline constexpr std::size_t max_fields_size = 2048;
inline constexpr std::size_t max_record_size = 8192;
inline constexpr std::uint16_t cut_bit = 0x8000;
inline constexpr std::uint16_t absent_size = 0xffff;

static_assert(sizeof(RecordHead) + 2 * max_copied + max_values_size + max_fields_size + record_alignment <=
              max_record_size);

struct Value {
    std::string_view text;
    bool is_cut = false;
    bool is_absent = true;
};

struct Record {
    RecordHead head;
    std::array<Value, max_copied> values;
    std::string_view fields;  // of AppFields
};

// `bytes` is what a ring held, `values` what the format demands. Nothing: it is no such record.
[[nodiscard]] std::optional<Record> read_record(std::string_view bytes, std::size_t values) noexcept;

// The fields of the app, one after the other: u16 size of the name, u16 size of the value, name, value.
class AppFields {
public:
    struct Entry {
        std::string_view name, value;
    };

    explicit AppFields(std::string_view bytes) noexcept : rest_(bytes) {}
    // Nothing at the end, or where the bytes make no sense.
    [[nodiscard]] std::optional<Entry> next() noexcept;

private:
    std::string_view rest_;
};

}  // namespace common::access
