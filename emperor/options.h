// SPDX-License-Identifier: Apache-2.0
// What the emperor's command line and its --config file say. Values only; nothing is opened but the file itself.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/log/log.h"

namespace emperor {

// What the --config file may hold; the command line wins over it.
struct EmperorConfig {
    std::optional<int> start_parallelism;
    std::optional<std::string> admin_group, stats, control, agent;
    std::optional<std::string> http, http_token_file;
    std::vector<std::string> http_hosts;
    std::optional<std::string> log_format, log_level, log_file;
};

struct Options {
    std::vector<std::string> vassals;
    std::string config_file;
    std::string runtime_dir;  // absolute
    std::string stats;        // one more address of the fleet's stats; empty: none
    std::string agent;        // where HAProxy's agent-check is answered; empty: nowhere
    std::string control;      // one more control socket; empty: none
    std::string http;         // where the dashboard is served; empty: nowhere
    std::string http_token_file;          // what acting there takes; empty: see http_token
    std::vector<std::string> http_hosts;  // names under which it is reached
    std::string admin_group;
    std::size_t start_parallelism = 4;
    common::log::Options log;
    bool is_check = false;
    bool is_trial = false;    // --can-start: only say whether this program could take over (upgrade.h)
};

// The options, or the exit code where there is nothing more to do (help, version, usage error: printed already).
[[nodiscard]] std::variant<Options, int> parse_options(int argc, const char* const* argv);

// Every finding is in the error's text, rendered with positions.
[[nodiscard]] common::Result<EmperorConfig> parse_emperor_config(const std::string& file, const std::string& text);

}  // namespace emperor
