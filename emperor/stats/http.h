// SPDX-License-Identifier: Apache-2.0
// The little HTTP that a stats socket speaks: is this a request, of what, and the head of an HTTP/1.0 answer. Pure.
// GET and HEAD are answered with a document or its head, the other methods of RFC 9110 and PATCH with 405.
#pragma once

#include <cstddef>
#include <cstdint>
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

// A request with another method than GET and HEAD: 405.
[[nodiscard]] bool is_refused_method(std::string_view request) noexcept;

// What is asked for: "GET /path?vassal=shop&per_worker=1&since=12 HTTP/1.1". Unknown parameters mean nothing.
struct Target {
    std::string path = "/";
    std::string vassal;  // as it stands; a name needs no percent signs
    bool is_per_worker = false;
    bool is_head_only = false;  // HEAD
    std::uint64_t since = 0;  // a revision that the client has
    std::uint64_t known = 0;  // If-None-Match: the revision in our own entity tag

    friend bool operator==(const Target&, const Target&) = default;
};
// Nothing when the line is not a request line, or a parameter has a value that it cannot have.
[[nodiscard]] std::optional<Target> target_of(std::string_view request);

// uwsgi_exporter compares Content-Type with exactly "application/json". `revision` 0: no entity tag.
[[nodiscard]] std::string ok_head(std::string_view type, std::size_t length, std::uint64_t revision);
[[nodiscard]] std::string not_modified_head(std::uint64_t revision);
[[nodiscard]] std::string error_answer(int status, std::string_view phrase, std::string_view text, bool is_head_only = false);
[[nodiscard]] std::string method_not_allowed();

}  // namespace emperor::stats
