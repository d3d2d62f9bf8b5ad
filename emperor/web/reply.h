// SPDX-License-Identifier: Apache-2.0
// An answer before it is HTTP: status, type, body. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "emperor/stats/catalogue.h"
#include "emperor/web/route.h"

namespace emperor::web {

struct Reply {
    int status = 200;
    std::string type = "application/json";
    stats::Document body;           // kept for as long as it is written
    std::string_view still = {};    // of the program itself, where there is no `body`
    std::vector<std::pair<std::string, std::string>> headers = {};

    [[nodiscard]] std::string_view text() const noexcept { return body ? std::string_view(*body) : still; }
};

// {"error": {"code", "message"}}; 401 says how to authenticate, 405 what is allowed.
[[nodiscard]] Reply reply_of(const Refusal& refusal);

// What the control room answered ({"id", "ok", "result" or "error"}), as HTTP: the result alone, or 404, 400, 403, 409, 503 with
// the error and what there is of a result. `hides_secrets`: values of `env` are left out, and lines of files (config, show).
[[nodiscard]] Reply reply_of_control(std::string_view line, bool hides_secrets);

}  // namespace emperor::web
