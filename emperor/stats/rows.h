// SPDX-License-Identifier: Apache-2.0
// The fleet as a dashboard's table: one short row per vassal, about a tenth of what the fleet document says of it. Pure.
// Rows carry revisions as the fleet document's vassals do, but of their own: a reader gets those that changed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "emperor/fleet/fleet_api.h"
#include "emperor/stats/documents.h"
#include "emperor/stats/series.h"

namespace emperor::stats {

// One vassal's row, an object. docs/dashboard.md has the keys. `series` may be null.
[[nodiscard]] std::string row_of(const Subject& subject, const Series* series);

struct RowsHead {
    std::uint64_t revision = 0;
    std::uint64_t since = 0;               // 0: every row is there
    const std::vector<std::string>* names = nullptr;  // of all vassals; null: as at `since`
    std::int64_t now_us = 0;               // epoch
    std::int64_t point_us = 0;             // when the newest points of all series were made; 0: there are none
};
[[nodiscard]] std::string rows_document(const RowsHead& head, std::span<const std::string* const> rows,
                                        const fleet::FleetApi::Self& self);

// {"interval_s", "rates": {"shop": [0.2, …]}}: requests per second of every vassal, the newest 60 points, oldest first.
struct NamedSeries {
    const std::string& name;
    const Series& series;
};
[[nodiscard]] std::string rates_document(std::span<const NamedSeries> all);

}  // namespace emperor::stats
