// SPDX-License-Identifier: Apache-2.0
// What happens when an app fails a request: the log line with the traceback, and the 500 that carries the same id. Only
// for the failing path; everything here may allocate.
#pragma once

#include <string>
#include <string_view>

#include "vassal/app/application.h"

namespace vassal::python {

// "request ID METHOD /path: WHAT" and then the traceback, in one write to stderr. The interpreter lock is held, and
// given up meanwhile.
void log_failure(const app::Request& request, std::string_view what, std::string_view traceback);

// A whole response: "Internal Server Error", the id and what went wrong (empty: nobody's business). Nothing was sent before.
void answer_internal_error(std::string_view id, app::Response& response, std::string_view explanation = {});

// Whether a body that the app reads from the client broke off.
[[nodiscard]] bool is_failed_body(app::BodyEnd end) noexcept;

// The app gave up on such a body: the response says what was wrong with it, where it can still say something.
void refuse_body(app::BodyEnd end, app::Response& response);

}  // namespace vassal::python
