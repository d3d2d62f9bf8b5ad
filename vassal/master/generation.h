// SPDX-License-Identifier: Apache-2.0
// What one generation is made of: everything that is resolved once, when it starts, and then the same for every worker
// that is ever forked in it (a moved `current` link or an edited env_file changes nothing before the next generation).
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/access/ring.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/config/vassal_config.h"
#include "common/config/verify.h"
#include "common/net/address.h"
#include "common/scoreboard/scoreboard.h"
#include "vassal/link/activity.h"
#include "vassal/files/site.h"

namespace vassal::master {

struct Listener {
    common::UniqueFd fd;
    common::net::ListenAddress address;  // as bound
};

struct Generation {
    std::string name;
    std::uint32_t number = 1;
    int bank = 0;
    common::config::VassalConfig config;
    nlohmann::json document;  // the canonical document that `config` was made of
    common::config::Identity identity;
    std::vector<Listener> listeners;
    common::UniqueFd scoreboard_fd;
    common::scoreboard::Mapping scoreboard;
    bool is_standalone = false;
    bool is_dev = false;  // `vassal --dev`: for the programmer at this terminal, never set by a file
    std::unique_ptr<common::access::Rings> access_rings;  // with log.access
    std::optional<link::Activity> activity;  // made before the first fork; the master listens where something needs it

    // Filled in by prepare().
    std::vector<std::string> environment;
    std::string venv;                      // resolved
    std::vector<std::string> python_path;  // resolved
    files::Site site;                      // the directories of `static`, open
};

// Builds the environment, enters the working directory, sets the umask and resolves the paths: all of it in this
// process, as its user. Forked processes inherit it.
[[nodiscard]] common::Result<void> prepare(Generation& generation);

}  // namespace vassal::master
