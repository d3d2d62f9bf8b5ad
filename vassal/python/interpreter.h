// SPDX-License-Identifier: Apache-2.0
// The embedded CPython of one worker (or mold): start, load the app, serve through the Application seam, end.
// The only header of this room that others include; Python.h stays inside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "vassal/app/application.h"

namespace vassal::python {

struct InterpreterOptions {
    std::string vassal;                    // its name
    std::string app;                       // package.module:callable, path/file.py:callable, module:factory()
    std::string venv;                      // empty: none
    std::vector<std::string> python_path;  // prepended to sys.path, after the working directory
    bool is_multithread = false;           // wsgi.multithread
    bool is_multiprocess = false;          // wsgi.multiprocess
    // What `import emperor` and `import uwsgi` tell.
    std::uint32_t generation = 1;
    int worker = 0;  // 1..N; 0: the mold
    int workers = 1;
    int threads = 1;
    std::size_t header_size = 0;
    bool watches_sources = false;  // `autoreload`: new_sources() and Host::report_sources() tell files
    bool shows_tracebacks = false;  // in the answer to a request that failed
};

// A failed load, for people: the traceback as Python prints it, and its last line.
struct LoadFailure {
    std::string step;    // "python", "import", "postfork"
    std::string reason;  // "ModuleNotFoundError: No module named 'crm'"
    std::string detail;  // whole traceback
    std::vector<std::string> files{};  // that it is about
};

// Owns the interpreter. Create it in the process's main thread, once per process.
class Interpreter {
public:
    virtual ~Interpreter() = default;

    // Imports the app. The environment, the working directory and the user are already the vassal's.
    [[nodiscard]] virtual std::unique_ptr<LoadFailure> load() = 0;
    // Files of modules that were not told before; empty unless they are watched.
    [[nodiscard]] virtual std::vector<std::string> new_sources() = 0;
    // Valid after a successful load().
    [[nodiscard]] virtual app::Application& application() = 0;

    // This process is a worker now: tells the app its number, and runs the hooks that it registered.
    [[nodiscard]] virtual std::unique_ptr<LoadFailure> start_work(int worker) = 0;

    // The mold: gc.freeze(), and the names of live threads other than the main one (not empty: no fork allowed).
    [[nodiscard]] virtual std::vector<std::string> prepare_to_fork() = 0;
    virtual void before_fork() = 0;        // PyOS_BeforeFork
    virtual void after_fork_parent() = 0;  // PyOS_AfterFork_Parent
    virtual void after_fork_child() = 0;   // PyOS_AfterFork_Child

    // Runs threading._shutdown and atexit handlers; the caller _exits afterwards under a deadline. Never Py_Finalize.
    virtual void run_exit_handlers() = 0;
};

[[nodiscard]] std::unique_ptr<Interpreter> start_interpreter(const InterpreterOptions& options, LoadFailure& failure);

}  // namespace vassal::python
