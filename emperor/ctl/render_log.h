// SPDX-License-Identifier: Apache-2.0
// A line of an app's output as text for people. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace emperor::ctl {

// "2026-11-22 13:40:00.123 shop[1] | text" (worker 0: "shop"). The text is made harmless wherever it goes: what stands in a
// pipe ends on a terminal too. Coloured: each app in a colour of its own, warnings yellow, errors red, debugging dim.
[[nodiscard]] std::string render_log_line(const std::string& app, const nlohmann::ordered_json& line, bool is_colored = false);

}  // namespace emperor::ctl
