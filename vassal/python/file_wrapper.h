// SPDX-License-Identifier: Apache-2.0
// wsgi.file_wrapper: an iterable over a file's blocks, which the server may send without reading it into Python where
// it is a plain regular file. Anything with read() works.
#pragma once

#include <cstdint>

#include "vassal/python/py_ref.h"

namespace vassal::python {

// The type, to be put into environ; a new reference, null with an exception set.
[[nodiscard]] PyObject* new_file_wrapper_type();

// The rest of a regular file, from the file object's current position.
struct FilePart {
    int fd = -1;  // -1: not such a file, iterate
    std::uint64_t offset = 0;
    std::uint64_t count = 0;
};

[[nodiscard]] FilePart file_part(PyObject* wrapper);

}  // namespace vassal::python
