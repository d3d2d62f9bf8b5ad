// SPDX-License-Identifier: Apache-2.0
// The worker's rare words about itself: one line on standard error, which the master captures and attributes.
#pragma once

#include <string_view>

namespace vassal::worker {

void note(std::string_view text) noexcept;

}  // namespace vassal::worker
