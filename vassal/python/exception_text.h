// SPDX-License-Identifier: Apache-2.0
// Python's texts for people: the pending exception as one line and as the traceback that Python would print, and
// strings made safe for a line of the log. Never leaves an exception pending.
#pragma once

#include <string>
#include <string_view>

#include "vassal/python/py_ref.h"

namespace vassal::python {

struct ExceptionText {
    std::string summary;    // "ValueError: no such user", always one line
    std::string traceback;  // as Python prints it, ends with a newline
};

// Takes the pending exception (there is one) out of the thread.
[[nodiscard]] ExceptionText take_exception();

// UTF-8 of a str; what cannot be encoded is written as \udcXX. Empty for what is not a str.
[[nodiscard]] std::string utf8(PyObject* text);
// str(object) and repr(object), at most `limit` bytes; a failing __str__ or __repr__ becomes "<type object>".
[[nodiscard]] std::string str_of(PyObject* object, std::size_t limit = 2000);
[[nodiscard]] std::string repr_of(PyObject* object, std::size_t limit = 80);
// The type's name as tracebacks write it: qualified by its module, save for builtins.
[[nodiscard]] std::string type_name(PyObject* type);

// Control characters become \n, \xNN…, so that a client cannot forge log lines.
[[nodiscard]] std::string one_line(std::string_view text);

}  // namespace vassal::python
