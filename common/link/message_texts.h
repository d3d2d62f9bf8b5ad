// SPDX-License-Identifier: Apache-2.0
// How much of a text goes into a message of the link. For the two files that write and read messages, and for nobody else.
#pragma once

#include <cstddef>
#include <string>

namespace common::link {

// A traceback may be long; JSON may need six bytes for one. The end of it says what went wrong.
inline constexpr std::size_t max_text = 4 * 1024;
inline constexpr std::size_t max_detail = 16 * 1024;
inline constexpr std::size_t max_app_words = 200;  // they go into history and logs, now and then

inline std::string head(const std::string& text, std::size_t limit) { return text.substr(0, limit); }

}  // namespace common::link
