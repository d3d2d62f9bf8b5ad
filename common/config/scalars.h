// SPDX-License-Identifier: Apache-2.0
// The text of one scalar as a value of one kind, and back. An Error says what was expected and what was found, ready to
// follow "KEY: ". Internal to this room.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/config/schema.h"

namespace common::config {

// What is known of a scalar besides its text.
struct Scalar {
    std::string_view text;
    bool is_word = true;  // plain in the YAML, or from a variable: may be a number or a boolean
};

// Kinds boolean, integer, workers, duration, size, mode, text, path. The canonical value: null for an empty text.
[[nodiscard]] Result<nlohmann::json> decode_scalar(const Key& key, Scalar scalar);

// The words that YAML (1.1 or 1.2) reads as a boolean.
[[nodiscard]] bool is_boolean_word(std::string_view text) noexcept;

// "60s", "100ms", "1h"; "64KiB": the largest unit that loses nothing.
[[nodiscard]] std::string duration_text(std::int64_t milliseconds);
[[nodiscard]] std::string size_text(std::int64_t bytes);
[[nodiscard]] std::string mode_text(std::int64_t mode);  // "0660"
// The value of a key as the YAML would have it: for messages, `explain` and documentation.
[[nodiscard]] std::string bound_text(const Key& key, std::int64_t value);
// "an integer from 1 to 256 or 'auto'", "a duration from 100ms to 24h or 'off'".
[[nodiscard]] std::string expectation(const Key& key);

}  // namespace common::config
