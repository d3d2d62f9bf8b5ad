// SPDX-License-Identifier: Apache-2.0
// Python starts once per process, so each of these tests runs its part in a child of its own. The test program itself
// never starts Python.
#pragma once

#include <functional>
#include <string>

#include "common/base/exit_status.h"
#include "vassal/python/interpreter.h"

namespace vassal::python::test {

struct ChildResult {
    std::string said;    // what the body returned
    std::string output;  // stdout and stderr together
    common::ExitStatus status;
};

// Forks, runs the body in a fresh folder as working directory, and waits (60 s at most). The folder is removed.
[[nodiscard]] ChildResult in_child(const std::function<std::string()>& body);

// In the child: writes a file below the working directory, folders included.
void write_file(const std::string& path, const std::string& text);

// Starts Python and loads; "" or "step|reason|detail" of the failure.
struct Loaded {
    std::unique_ptr<Interpreter> interpreter;
    std::string failure;
};
[[nodiscard]] Loaded start_and_load(const InterpreterOptions& options);
[[nodiscard]] InterpreterOptions options_for(const std::string& app);

// repr(expression) in Python, `module` is imported first where it is named.
[[nodiscard]] std::string evaluate(const std::string& expression, const std::string& module = "sys");

}  // namespace vassal::python::test
