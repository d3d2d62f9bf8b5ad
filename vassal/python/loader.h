// SPDX-License-Identifier: Apache-2.0
// Finds the WSGI callable that `app:` names: package.module:callable, path/file.py:callable, module:factory(). Without
// a name after the colon it is `application`, then `app`. A failure is a value, written for the operator: the traceback
// as Python prints it, or which callables there are instead.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "vassal/python/interpreter.h"
#include "vassal/python/py_ref.h"

namespace vassal::python {

struct AppSpec {
    std::string module;    // dotted name, or the file's path
    std::string callable;  // empty: application, then app; may be dotted (holder.app)
    bool is_file = false;
    bool is_factory = false;
};

[[nodiscard]] AppSpec parse_app(std::string_view app);

struct LoadedApp {
    PyRef callable;
    std::string name;                      // "mysite.wsgi:application", for messages
    std::unique_ptr<LoadFailure> failure;  // set: nothing was loaded
};

// Imports and looks up; runs the app's module code. The interpreter lock is held.
[[nodiscard]] LoadedApp load_app(std::string_view app);

}  // namespace vassal::python
