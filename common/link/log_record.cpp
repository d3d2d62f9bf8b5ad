// SPDX-License-Identifier: Apache-2.0
#include "common/link/log_record.h"

#include <cstring>

namespace common::link {

namespace {

// Both ends run on one machine: native byte order. stream, worker, generation, time, dropped, then the text.
constexpr std::size_t header_size = 1 + 2 + 4 + 8 + 8;

constexpr std::uint8_t journaled = 0x80;  // a flag beside the stream

std::size_t max_text_size(LogStream stream) noexcept {
    return stream == LogStream::access ? max_batch_size : max_line_size;
}

template <class T>
void put(std::string& out, T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof value);
}

template <class T>
T take(std::string_view& in) {
    T value;
    std::memcpy(&value, in.data(), sizeof value);
    in.remove_prefix(sizeof value);
    return value;
}

}  // namespace

std::string encode(const LogRecord& record) {
    const std::string_view text = std::string_view(record.text).substr(0, max_text_size(record.stream));
    std::string out;
    out.reserve(header_size + text.size());
    put(out, static_cast<std::uint8_t>(static_cast<std::uint8_t>(record.stream) | (record.is_journaled ? journaled : 0)));
    put(out, record.worker);
    put(out, record.generation);
    put(out, record.time_us);
    put(out, record.dropped);
    out.append(text);
    return out;
}

Result<LogRecord> decode_log_record(std::string_view payload) {
    if (payload.size() < header_size) return failure("log record: too short");
    const auto first = take<std::uint8_t>(payload);
    const auto stream = static_cast<std::uint8_t>(first & ~journaled);
    if (stream > static_cast<std::uint8_t>(LogStream::access)) return failure("log record: unknown stream");
    LogRecord record;
    record.stream = static_cast<LogStream>(stream);
    record.is_journaled = (first & journaled) != 0;
    record.worker = take<std::uint16_t>(payload);
    record.generation = take<std::uint32_t>(payload);
    record.time_us = take<std::int64_t>(payload);
    record.dropped = take<std::uint64_t>(payload);
    if (payload.size() > max_text_size(record.stream)) return failure("log record: too long");
    record.text = std::string(payload);
    return record;
}

}  // namespace common::link
