// SPDX-License-Identifier: Apache-2.0
// `health.status`: "200" or "200-399".
#pragma once

#include <optional>
#include <string_view>

#include "common/config/vassal_config.h"

namespace common::config {

// Nothing where it is neither, or not within 100-599.
[[nodiscard]] std::optional<StatusRange> parse_status_range(std::string_view text) noexcept;

}  // namespace common::config
