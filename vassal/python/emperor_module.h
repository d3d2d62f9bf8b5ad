// SPDX-License-Identifier: Apache-2.0
// `import emperor`: what a vassal's app may know of its server and ask of it. emperor.pyi beside this file says the same
// to editors, docs/python.md to people. Nothing here is on the request path.
#pragma once

#include "vassal/python/surroundings.h"

namespace vassal::python {

// The module, made the first time: borrowed, `surroundings` keeps it and outlives it. Null with an exception set.
[[nodiscard]] PyObject* emperor_module(Surroundings& surroundings) noexcept;

// worker_id changes when a copy of the mold becomes a worker.
[[nodiscard]] bool update_emperor_module(Surroundings& surroundings) noexcept;

// Runs the hooks of @postfork. False: one raised, and its exception is pending.
[[nodiscard]] bool run_postfork_hooks(Surroundings& surroundings);

}  // namespace vassal::python
