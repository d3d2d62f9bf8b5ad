// SPDX-License-Identifier: Apache-2.0
// The request target of RFC 9112 3.2, taken apart: origin-form, absolute-form, and "*" for OPTIONS.
#pragma once

#include <string_view>

#include "vassal/protocol/param_set.h"

namespace vassal::protocol {

struct Target {
    std::string_view authority;  // absolute-form: stands in for Host (RFC 9112 3.2.2)
    std::string_view path;       // percent-decoded; bytes, read as latin-1 by PEP 3333
    std::string_view query;      // as written
};

// 0 or a status. Decoded bytes live in the arena of `params`.
[[nodiscard]] int read_target(std::string_view method, std::string_view text, ParamSet& params, Target& target);

}  // namespace vassal::protocol
