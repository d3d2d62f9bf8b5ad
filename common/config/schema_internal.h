// SPDX-License-Identifier: Apache-2.0
// Questions to the key table that only this room asks.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/schema.h"

namespace common::config {

[[nodiscard]] bool is_group(std::string_view path) noexcept;             // "timeouts"
[[nodiscard]] std::string_view leaf_of(std::string_view path) noexcept;  // "timeouts.request" -> "request"
[[nodiscard]] std::string_view group_of(
    std::string_view path) noexcept;                   // "timeouts.request" -> "timeouts", "app" -> ""
[[nodiscard]] std::vector<std::string_view> groups();  // in the order of the table
[[nodiscard]] std::string_view name_of(ValueKind kind) noexcept;  // "duration", "list of texts"…

[[nodiscard]] std::vector<std::string_view> choices_of(const Key& key);  // empty for other kinds

// An option of uWSGI: what to write here instead. `key` is set where exactly one key takes its place, so that a
// misspelt option can be answered with that key.
struct Advice {
    std::string_view option;  // with dashes
    std::string_view key;     // "timeouts.request"; "" where there is none
    std::string_view text;    // "use timeouts.request"
};
[[nodiscard]] std::span<const Advice> uwsgi_advice() noexcept;
[[nodiscard]] std::span<const std::string_view> planned_keys() noexcept;

}  // namespace common::config
