// SPDX-License-Identifier: Apache-2.0
// The control socket's answers as text for people: the status table, the page of `show`, outcomes of
// operations. Pure: JSON in, text out. Everything that an app wrote is made harmless first.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "emperor/ctl/render_log.h"
#include "emperor/ctl/table.h"

namespace emperor::ctl {

using Json = nlohmann::ordered_json;

[[nodiscard]] std::string render_status(const Json& apps, bool is_wide, const Style& style, std::int64_t now_us);
[[nodiscard]] std::string render_show(const Json& app, const Style& style, std::int64_t now_us);

// Why the app is not simply running, in one line; empty when there is nothing to say.
[[nodiscard]] std::string note_of(const Json& app, std::int64_t now_us);

// One failed app: the step, the reason, the traceback, the last log lines.
[[nodiscard]] std::string render_failure(const std::string& operation, const Json& outcome);

}  // namespace emperor::ctl
