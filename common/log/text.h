// SPDX-License-Identifier: Apache-2.0
// How a log record is written as one line, in text and in JSON. Pure; log.cpp owns the sink.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/log/log.h"

namespace common::log {

// The time of a record: microseconds since the epoch.
[[nodiscard]] std::string text_line(std::int64_t time_us, Level level, std::string_view event, Fields fields, bool color);
[[nodiscard]] std::string json_line(std::int64_t time_us, Level level, std::string_view event, Fields fields);
[[nodiscard]] std::string text_app_line(std::int64_t time_us, std::string_view vassal, int worker, std::string_view text,
                                        bool color);

[[nodiscard]] std::string_view name_of(Level level) noexcept;

// `text` as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace common::log
