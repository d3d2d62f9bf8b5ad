// SPDX-License-Identifier: Apache-2.0
// What an app can learn about the place that it runs in, and what it left to be called there: the state behind
// `import emperor` and `import uwsgi`. One per process, owned by the interpreter, which changes it when a copy of the
// mold becomes a worker; touched with the interpreter lock held.
//
//   stage      begins with                          the app may
//   importing  the start of Python                  register postfork hooks
//   hooks      start_work(): the worker's id is set register more; those run too
//   serving    a host                               reload, listen_queue; a hook registered now runs at once
//   ended      the host was taken away              nothing that needs a host
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vassal/app/host.h"
#include "vassal/python/py_ref.h"
#include "vassal/python/source_files.h"

namespace vassal::python {

enum class Stage : std::uint8_t { importing, hooks, serving, ended };

struct Surroundings {
    std::string vassal;
    std::string app;  // as configured
    std::uint32_t generation = 0;
    int worker = 0;  // 1..N; 0 in the mold
    int workers = 1;
    int threads = 1;
    std::size_t header_size = 0;  // limits.header_size
    bool is_mold = false;  // the app is imported to be copied
    pid_t master = 0;

    Stage stage = Stage::importing;
    app::Host* host = nullptr;
    std::optional<SourceFiles> sources;  // of the app's code, where they are watched
    std::vector<PyRef> hooks;        // of @postfork, in order
    // Empty until the app imports them.
    PyRef emperor_module, uwsgi_module, decorators_module;
};

}  // namespace vassal::python
