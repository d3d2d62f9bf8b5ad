// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the candidates closest to a mistyped word, by edit distance (optimal string alignment).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace common {

[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// At most `limit` candidates in ascending distance, ties by name; only those close enough to be a plausible slip
// (distance at most a third of the longer word, at least 1) unless `any` is set.
[[nodiscard]] std::vector<std::string> nearest(std::string_view word, std::span<const std::string> candidates,
                                               std::size_t limit, bool any = false);

}  // namespace common
