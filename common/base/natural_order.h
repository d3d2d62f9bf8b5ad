// SPDX-License-Identifier: Apache-2.0
// The order in which people read names: "app-2" before "app-10".
#pragma once

#include <string_view>

namespace common {

// A strict weak ordering; two names are equivalent only if they are equal.
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b) noexcept;

}  // namespace common
