// SPDX-License-Identifier: Apache-2.0
// The clean environment of DESIGN section 5: PATH (venv first), LANG, LC_*, TZ, HOME, USER, LOGNAME of the vassal's
// user, VIRTUAL_ENV, PYTHONUNBUFFERED, then env_file, then env. The same for workers, before_start and `emperorctl exec`.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/config/vassal_config.h"
#include "common/config/verify.h"

namespace common::config {

// "KEY=value" strings, sorted by key. Reads env_file with the rights of the caller. Errors name file and line.
[[nodiscard]] Result<std::vector<std::string>> build_environment(const VassalConfig& config, const Identity& identity);

// The directory a vassal runs in: `chdir` resolved now (symlinks kept as they are read), else home, else "/".
[[nodiscard]] std::string working_directory(const VassalConfig& config, const Identity& identity);

}  // namespace common::config
