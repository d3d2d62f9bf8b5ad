// SPDX-License-Identifier: Apache-2.0
// What the control socket says about a vassal, as JSON. Pure. Times are epoch microseconds ("…_us"), sizes bytes.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>

#include "emperor/fleet/fleet_api.h"
#include "emperor/stats/process_memory.h"
#include "emperor/stats/sock_diag.h"

namespace emperor::control {

// Looked up by the caller, so that the views stay pure.
struct Lookups {
    std::function<stats::ProcessMemory(pid_t)> memory;
    std::function<stats::ListenQueue(int)> queue;
    std::int64_t monotonic_us = 0;
    std::map<std::string, std::string> environment;  // of the emperor: what a vassal's clean environment starts from
};

// One row of `status`.
[[nodiscard]] nlohmann::ordered_json summary(const fleet::VassalView& view, const Lookups& lookups);
// `show`: the summary and everything behind it.
[[nodiscard]] nlohmann::ordered_json details(const fleet::VassalView& view, const Lookups& lookups);
// `config`: the effective values and where each came from.
[[nodiscard]] nlohmann::ordered_json configuration(const fleet::VassalView& view);
// `exec_context`: what `emperorctl exec` needs to stand where the app stands.
[[nodiscard]] nlohmann::ordered_json exec_context(const fleet::VassalView& view, const Lookups& lookups);
[[nodiscard]] nlohmann::ordered_json emperor_facts(const fleet::FleetApi::Self& self);
[[nodiscard]] nlohmann::ordered_json log_line(const common::link::LogRecord& record);
[[nodiscard]] nlohmann::ordered_json log_line_of(const std::string& app, const common::link::LogRecord& record);
// The lines of all these apps in the order of their times, at most `limit` and the newest that one answer may hold.
inline constexpr std::size_t max_merged_lines = 20'000;
[[nodiscard]] nlohmann::ordered_json merged_log(const std::vector<fleet::VassalView>& views, std::size_t limit,
                                                std::int64_t since_us);
[[nodiscard]] nlohmann::ordered_json difference(const fleet::Difference& difference);
[[nodiscard]] nlohmann::ordered_json outcome(const std::string& app, const fleet::Outcome& outcome);

}  // namespace emperor::control
