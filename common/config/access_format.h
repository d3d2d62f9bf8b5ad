// SPDX-License-Identifier: Apache-2.0
// `log.access` and `log.access_format` together: what a line of the access log holds (common/access).
#pragma once

#include "common/access/format.h"
#include "common/base/result.h"
#include "common/config/vassal_config.h"

namespace common::config {

// Judged as text while the log is off, so that a slip shows before it is turned on. Never fails on a config that was
// decoded.
[[nodiscard]] Result<access::Format> access_format(const LogConfig& log);

}  // namespace common::config
