// SPDX-License-Identifier: Apache-2.0
// The figures as Prometheus wants them (text format 0.0.4), written by prometheus-cpp. Pure. One series per vassal and
// metric; per worker only on request, for the number of series grows with the number of workers. docs/stats.md lists all.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "emperor/stats/documents.h"

namespace emperor::stats {

inline constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

[[nodiscard]] std::string metrics_of(std::span<const Subject> subjects, const fleet::FleetApi::Self& self, const Samples& samples,
                                     Detail detail);

}  // namespace emperor::stats
