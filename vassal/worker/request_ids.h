// SPDX-License-Identifier: Apache-2.0
// Hot path. The ids of one thread's requests: sixteen hexadecimal digits each. A counter that starts at a random number
// is scattered by a mixing function without collisions, so that a thread repeats none before 2^64 requests, and two
// threads or processes meet only by chance. They name a request in logs; they are no secret.
// Made in the worker, after every fork: what is random must not be copied from a mold.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vassal::worker {

class RequestIds {
public:
    RequestIds() noexcept;
    explicit RequestIds(std::uint64_t start) noexcept : state_(start) {}

    // Valid until the next call.
    [[nodiscard]] std::string_view next() noexcept;

private:
    std::uint64_t state_;
    std::array<char, 16> text_{};
};

}  // namespace vassal::worker
