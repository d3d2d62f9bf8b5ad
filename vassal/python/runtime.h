// SPDX-License-Identifier: Apache-2.0
// Starts CPython in this process: Debian's library whatever the venv was made with, UTF-8 mode, no signal handlers of
// its own, line-buffered output. Knows nothing of apps and requests.
#pragma once

#include <string>

#include "vassal/python/interpreter.h"

namespace vassal::python {

// Empty when Python runs (the calling thread holds the interpreter lock), else the reason for people.
[[nodiscard]] std::string start_python(const InterpreterOptions& options);

}  // namespace vassal::python
