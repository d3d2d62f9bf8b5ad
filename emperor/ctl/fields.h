// SPDX-License-Identifier: Apache-2.0
// Fields of an answer, for rendering: a missing or odd one (another version's emperor) is shown as empty, not as an
// exception.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace emperor::ctl {

using Json = nlohmann::ordered_json;

[[nodiscard]] std::string text_at(const Json& json, const char* key);
[[nodiscard]] std::int64_t number_at(const Json& json, const char* key);
[[nodiscard]] const Json& part_at(const Json& json, const char* key);  // an object or a list
[[nodiscard]] bool is_true(const Json& json, const char* key);

}  // namespace emperor::ctl
