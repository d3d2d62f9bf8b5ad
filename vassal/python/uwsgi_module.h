// SPDX-License-Identifier: Apache-2.0
// `import uwsgi` and `import uwsgidecorators`: made from their Python source (uwsgi_sources.h) when an app or one of its
// SDKs imports them; and the two attributes of uwsgi that apps set to be called: post_fork_hook and atexit.
#pragma once

#include "vassal/python/surroundings.h"

namespace vassal::python {

// The module, made the first time: borrowed. Null with an exception set.
[[nodiscard]] PyObject* uwsgi_module(Surroundings& surroundings);
[[nodiscard]] PyObject* uwsgidecorators_module(Surroundings& surroundings);

// Calls what the app set as an attribute of uwsgi. Nothing where it set none; false: it raised, the exception is pending.
[[nodiscard]] bool call_uwsgi_hook(Surroundings& surroundings, const char* name);

}  // namespace vassal::python
