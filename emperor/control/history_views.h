// SPDX-License-Identifier: Apache-2.0
// Histories as JSON: all vassals' merged by time (`events`), and what one vassal's says about how it came to be as it
// is (`why`). Pure. Times are epoch microseconds.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "emperor/fleet/fleet_api.h"

namespace emperor::control {

[[nodiscard]] nlohmann::ordered_json event_json(const std::string& app, const fleet::HistoryEntry& entry);

// The newest `limit` entries of all, oldest first.
[[nodiscard]] nlohmann::ordered_json merged_events(const std::vector<fleet::VassalView>& views, std::size_t limit,
                                                  std::int64_t since_us = 0);

// The causes of the vassal's state, oldest first: how it last came to serve as somebody wanted it to, and everything since
// then. The same failure again and again is one cause with a count, also where others come in between; what only follows from
// it (the pause, the next attempt, a recovery that did not last) is left away. The log's lines are those that no cause shows.
[[nodiscard]] nlohmann::ordered_json explanation(const fleet::VassalView& view);

}  // namespace emperor::control
