// SPDX-License-Identifier: Apache-2.0
// The lines of an env_file: KEY=value, "export KEY=value", '#' comments, values in single quotes (as they are) or
// double quotes (\n \t \" \\ \$ are escapes). Nothing is expanded. Internal to this room.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace common::config {

// Adds to `variables`, later lines win. Errors are "FILE:LINE: …" and never quote a value: it may be a secret.
[[nodiscard]] Result<void> parse_env_file(const std::string& file, std::string_view text,
                                          std::map<std::string, std::string>& variables);

}  // namespace common::config
