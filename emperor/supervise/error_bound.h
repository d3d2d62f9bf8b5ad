// SPDX-License-Identifier: Apache-2.0
// rollout.max_error_rate: are the answers that a new generation gave so far worse than its configuration allows? Pure,
// a value. The figures come from memory that the app's own process writes: anything may stand there, nothing breaks it.
#pragma once

#include <cstdint>
#include <string>

namespace emperor::supervise {

class ErrorBound {
public:
    // Fewer answers say nothing about a deploy: one failing health check would undo it.
    static constexpr std::uint64_t least_requests = 50;

    // At most so many of a hundred answers may be a 5xx; 100 allows everything.
    explicit constexpr ErrorBound(int percent) noexcept : percent_(percent) {}

    [[nodiscard]] bool is_exceeded(std::uint64_t requests, std::uint64_t errors) const noexcept;

    // "30 of 60 requests answered with a 5xx since the promotion (50 %; rollout.max_error_rate: 5 %)"
    [[nodiscard]] std::string text(std::uint64_t requests, std::uint64_t errors) const;

private:
    int percent_;
};

}  // namespace emperor::supervise
