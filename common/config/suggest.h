// SPDX-License-Identifier: Apache-2.0
// The answer to a key that is not in the table: a planned one, an option of uWSGI, a slip, a key in the wrong group.
// Internal to this room.
#pragma once

#include <string>
#include <string_view>

namespace common::config {

// `path` is dotted ("timeouts.reqest"); the text is complete: "unknown key 'reqest' (did you mean …)".
[[nodiscard]] std::string unknown_key_message(std::string_view path);
// The same for a group that was given a value: "'socket' is a group of keys (mode, …)".
[[nodiscard]] std::string not_a_group_message(std::string_view group, bool is_empty);

}  // namespace common::config
