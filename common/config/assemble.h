// SPDX-License-Identifier: Apache-2.0
// From the layers laid over each other to the effective configuration: what concerns several keys at once. Internal to
// this room.
#pragma once

#include <string>

#include "common/config/layer.h"

namespace common::config {

struct Assembly {
    std::string file;            // of the vassal, for findings that no line is to blame for
    std::string base_directory;  // absolute; a relative chdir counts from here
    Diagnostic missing_app;      // what to say when nothing sets `app`
};

// Fills `decoded.effective` unless there are errors; sorts the diagnostics.
void assemble(Layer layer, const Assembly& assembly, const DecodeOptions& options, Decoded& decoded);

// `path` made absolute against `base`; "./x" loses its dot, nothing else is touched (".." may cross a link).
[[nodiscard]] std::string absolute_path(const std::string& base, const std::string& path);
// The absolute directory of a file as named in a Source.
[[nodiscard]] std::string directory_of(const std::string& file);

}  // namespace common::config
