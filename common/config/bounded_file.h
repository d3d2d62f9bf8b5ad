// SPDX-License-Identifier: Apache-2.0
// Reads a small regular file whose path somebody else chose: never blocks on a FIFO or a device, never reads more than
// a bound. Internal to this room.
#pragma once

#include <string>

#include "common/base/result.h"

namespace common::config {

inline constexpr std::size_t max_small_file = 1 << 20;

[[nodiscard]] Result<std::string> read_small_file(const std::string& path);

}  // namespace common::config
