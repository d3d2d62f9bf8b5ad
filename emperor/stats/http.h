// SPDX-License-Identifier: Apache-2.0
// The little HTTP that a stats socket speaks: is this a GET, for which path, and the head of an HTTP/1.0 answer. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace emperor::stats {

inline constexpr std::size_t max_request_size = 4096;

// What the first bytes of a client say.
enum class Opening { raw, undecided, http };
[[nodiscard]] Opening opening_of(std::string_view received) noexcept;

// True once the blank line after the request head is there.
[[nodiscard]] bool is_complete(std::string_view request) noexcept;

// The path of "GET /path?query HTTP/1.1", without the query; nothing when the line is not a request line.
[[nodiscard]] std::optional<std::string> path_of(std::string_view request);

// uwsgi_exporter compares Content-Type with exactly "application/json".
[[nodiscard]] std::string ok_head(std::size_t length);
[[nodiscard]] std::string error_answer(int status, std::string_view phrase, std::string_view text);

}  // namespace emperor::stats
