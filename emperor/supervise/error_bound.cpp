// SPDX-License-Identifier: Apache-2.0
#include "emperor/supervise/error_bound.h"

#include <algorithm>

namespace emperor::supervise {

namespace {

// As a fraction and not by cross-multiplication: what a tenant's process writes may overflow a product.
double rate(std::uint64_t requests, std::uint64_t errors) noexcept {
    if (requests == 0) return 0;
    return 100.0 * static_cast<double>(std::min(errors, requests)) / static_cast<double>(requests);
}

}  // namespace

bool ErrorBound::is_exceeded(std::uint64_t requests, std::uint64_t errors) const noexcept {
    return requests >= least_requests && rate(requests, errors) > static_cast<double>(percent_);
}

std::string ErrorBound::text(std::uint64_t requests, std::uint64_t errors) const {
    return std::to_string(std::min(errors, requests)) + " of " + std::to_string(requests) +
           " requests answered with a 5xx since the promotion (" +
           std::to_string(static_cast<int>(rate(requests, errors))) +
           " %; rollout.max_error_rate: " + std::to_string(percent_) + " %)";
}

}  // namespace emperor::supervise
