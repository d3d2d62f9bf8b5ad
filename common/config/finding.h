// SPDX-License-Identifier: Apache-2.0
// A Diagnostic about a key of a decoded configuration, at the place where its value came from. Internal to this room.
#pragma once

#include <string>
#include <string_view>

#include "common/config/decode.h"

namespace common::config {

// `path` may name an element ("listen.1"); without an origin of its own the key's is taken, then the file as a whole.
[[nodiscard]] inline Diagnostic finding(const Effective& effective, std::string_view path, std::string message) {
    Diagnostic diagnostic;
    diagnostic.file = effective.file;
    diagnostic.message = std::move(message);
    auto found = effective.origins.find(std::string(path));
    if (found == effective.origins.end()) found = effective.origins.find(std::string(path.substr(0, path.rfind('.'))));
    if (found == effective.origins.end()) return diagnostic;
    diagnostic.file = found->second.file;
    diagnostic.position = found->second.position;
    diagnostic.width = found->second.width;
    diagnostic.source = found->second.source;
    return diagnostic;
}

}  // namespace common::config
