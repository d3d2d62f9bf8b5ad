// SPDX-License-Identifier: Apache-2.0
// ${VAR}, ${VAR:-value}, ${VAR:?message}, $$ and {name} inside of one scalar, after parsing: what a variable holds
// never becomes YAML. A '$' before anything else stays as it is, so shell commands need no care; {{name}} is a literal
// {name}. Internal to this room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/decode.h"

namespace common::config {

struct ExpansionProblem {
    std::string_view part;  // of the scalar, borrowed from it
    std::string message;
};

struct Expansion {
    std::string text;
    bool has_variables = false;  // the text depends on something outside of the file
    std::vector<ExpansionProblem> problems;
};

[[nodiscard]] Expansion expand(std::string_view scalar, const DecodeOptions& options);

}  // namespace common::config
