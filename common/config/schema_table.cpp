// SPDX-License-Identifier: Apache-2.0
// The key table of schema.h, in the order of the documentation.
#include <algorithm>
#include <array>

#include "common/config/schema_keys_application.h"
#include "common/config/schema_keys_changes.h"
#include "common/config/schema_keys_limits.h"
#include "common/config/schema_keys_processes.h"

namespace common::config {

namespace {

template <std::size_t... sizes>
constexpr auto joined(const std::array<Key, sizes>&... parts) {
    std::array<Key, (sizes + ...)> table{};
    auto next = table.begin();
    ((next = std::copy(parts.begin(), parts.end(), next)), ...);
    return table;
}

constexpr std::array table = joined(application_keys, processes_keys, changes_keys, limits_keys);

}  // namespace

std::span<const Key> keys() noexcept { return table; }

}  // namespace common::config
