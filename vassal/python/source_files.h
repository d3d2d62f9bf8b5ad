// SPDX-License-Identifier: Apache-2.0
// Which files the app's code came from, for `autoreload`: those of the loaded modules, without the standard library and
// what is installed in site-packages (an editable installation lies elsewhere and counts). And the files that a failed
// import was about. Absolute paths. The interpreter lock is held; no exception is left behind.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "vassal/python/py_ref.h"

namespace vassal::python {

class SourceFiles {
public:
    // Cheap enough for every request: modules that were imported since the last take_new() show in their number.
    [[nodiscard]] bool may_have_new() const noexcept { return PyDict_GET_SIZE(PyImport_GetModuleDict()) != seen_; }
    // The files that it did not give back before.
    [[nodiscard]] std::vector<std::string> take_new();

private:
    Py_ssize_t seen_ = -1;
    std::set<std::string, std::less<>> known_;
};

// Of the pending exception, which stays pending: the files of its traceback and of a syntax error, its causes' too.
[[nodiscard]] std::vector<std::string> files_of_exception();

// Whether a change of that file is the app's.
[[nodiscard]] bool is_own_source(std::string_view file, std::string_view library) noexcept;

}  // namespace vassal::python
