// SPDX-License-Identifier: Apache-2.0
// What a conditional or partial GET or HEAD of a file is answered with (RFC 9110 13 and 14). Pure: validators and fields
// in, a verdict out. One range per request: several at once are answered with the whole file, as the RFC allows.
#pragma once

#include <cstdint>
#include <string_view>

namespace vassal::files {

struct Validators {
    std::string_view etag;      // strong, with its quotes
    std::int64_t modified = 0;  // seconds
    std::uint64_t size = 0;
};

// The fields of the request; empty: not there.
struct Conditions {
    std::string_view if_match = {};
    std::string_view if_unmodified_since = {};
    std::string_view if_none_match = {};
    std::string_view if_modified_since = {};
    std::string_view range = {};
    std::string_view if_range = {};
};

struct Verdict {
    int status = 200;  // 200, 206, 304, 412, 416
    std::uint64_t offset = 0;
    std::uint64_t count = 0;

    friend bool operator==(const Verdict&, const Verdict&) = default;
};

[[nodiscard]] Verdict judge(const Validators& file, const Conditions& conditions, bool is_head) noexcept;

}  // namespace vassal::files
