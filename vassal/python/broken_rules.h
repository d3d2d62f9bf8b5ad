// SPDX-License-Identifier: Apache-2.0
// The words for an app that breaks PEP 3333: which rule, and by what. What start_response and write() refuse is raised
// in the app instead (start_response.cpp). `app` is its name, "mysite.wsgi:application".
#pragma once

#include <cstdint>
#include <string>

#include "vassal/python/py_ref.h"

namespace vassal::python {

[[nodiscard]] std::string no_start_response(const std::string& app);
[[nodiscard]] std::string not_iterable(const std::string& app, PyObject* result);
// An item of a list or tuple; a block that an iterator yielded.
[[nodiscard]] std::string item_not_bytes(const std::string& app, PyObject* result, Py_ssize_t index, PyObject* item);
[[nodiscard]] std::string block_not_bytes(const std::string& app, PyObject* iterator, PyObject* block);
[[nodiscard]] std::string body_too_long(const std::string& app, std::int64_t declared);
[[nodiscard]] std::string body_too_short(const std::string& app, std::int64_t declared, std::uint64_t sent);

}  // namespace vassal::python
