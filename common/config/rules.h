// SPDX-License-Identifier: Apache-2.0
// What single keys demand of their text beyond its type: the form of `app`, of a listen address, of a mount point, of
// the name of an environment variable… A finding is ready to follow "KEY: ". Internal to this room.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/config/schema.h"

namespace common::config {

// Scalars of kind text and path, and the elements of text lists.
[[nodiscard]] std::optional<std::string> check_text(const Key& key, std::string_view text);

// A URL prefix of `static`: "/static", with or without a slash at its end.
[[nodiscard]] std::optional<std::string> check_url_prefix(std::string_view text);
[[nodiscard]] std::optional<std::string> check_env_name(std::string_view name);

// The canonical spelling of a listen address ("uwsgi:/run/x.sock").
[[nodiscard]] Result<std::string> canonical_listen(std::string_view text);

}  // namespace common::config
