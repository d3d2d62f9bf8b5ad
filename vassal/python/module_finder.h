// SPDX-License-Identifier: Apache-2.0
// Makes `import emperor`, `import uwsgi` and `import uwsgidecorators` work, as the last resort of Python's search
// (sys.meta_path): an app's own module of such a name, or an installed package, comes first and is not disturbed.
// Nothing is made before somebody imports it.
#pragma once

#include "vassal/python/surroundings.h"

namespace vassal::python {

// `surroundings` lives as long as the interpreter. False with an exception set.
[[nodiscard]] bool install_modules(Surroundings& surroundings) noexcept;

}  // namespace vassal::python
