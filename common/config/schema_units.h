// SPDX-License-Identifier: Apache-2.0
// Private to the schema_keys_*.h: units of bounds, and the names of reload classes. Upper bounds are generous on purpose: they
// catch slips of the finger, they do not govern.
#pragma once

#include <cstdint>

#include "common/config/schema.h"

namespace common::config {

inline constexpr std::int64_t ms = 1, second = 1000 * ms, hour = 3600 * second, day = 24 * hour;
inline constexpr std::int64_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib, tib = 1024 * gib;
using enum ReloadClass;

}  // namespace common::config
