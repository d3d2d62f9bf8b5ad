// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/python_application.h"

#include <memory>
#include <utility>

#include "vassal/python/forked_child.h"
#include "vassal/python/serving_thread.h"
#include "vassal/python/surroundings.h"
#include "vassal/python/thread_lock.h"

// Exported by libpython, declared in its internal headers only.
extern "C" void _Py_DumpTraceback(int fd, PyThreadState* state);
extern "C" const char* _Py_DumpTracebackThreads(int fd, PyInterpreterState* interpreter, PyThreadState* current);

namespace vassal::python {

namespace {

// The seam passes no thread object, so each thread finds its own here. A plain pointer: a thread that ends without
// leave_thread() holds no interpreter lock, and could not destroy Python objects.
thread_local ServingThread* serving = nullptr;

}  // namespace

ServingThread* serving_thread() noexcept { return serving; }

PythonApplication::PythonApplication(PyRef callable, ApplicationOptions options, Surroundings& surroundings)
    : callable_(std::move(callable)), options_(std::move(options)), surroundings_(surroundings) {}

void PythonApplication::enter_thread() {
    take_lock();
    watch_forks();
    serving = std::make_unique<ServingThread>(callable_.get(), options_).release();
}

void PythonApplication::leave_thread() {
    take_lock();
    std::unique_ptr<ServingThread>(std::exchange(serving, nullptr)).reset();
    end_thread();
}

void PythonApplication::release() noexcept { drop_held_lock(); }

void PythonApplication::acquire() noexcept { retake_lock(); }

// What Python's faulthandler calls in its own handlers. Not by faulthandler.register(): its handler would have to be
// raised as a second signal, it reports nothing more once a crash ended one of its dumps, and an app may unregister it.
void PythonApplication::dump_tracebacks(int fd) const noexcept {
    static_cast<void>(_Py_DumpTracebackThreads(fd, PyInterpreterState_Main(), PyGILState_GetThisThreadState()));
}

void PythonApplication::dump_own_traceback(int fd) const noexcept {
    if (PyThreadState* const own = PyGILState_GetThisThreadState()) _Py_DumpTraceback(fd, own);
}

bool PythonApplication::holds_lock() const noexcept {
    PyThreadState* const holder = _PyThreadState_UncheckedGet();
    return holder != nullptr && holder == PyGILState_GetThisThreadState();
}

void PythonApplication::attach(app::Host* host) noexcept {
    surroundings_.host = host;
    surroundings_.stage = host != nullptr ? Stage::serving : Stage::ended;
}

void PythonApplication::serve(const app::Request& request, app::Response& response) noexcept {
    serving->serve(request, response);
    // A request may import more of the app.
    if (surroundings_.sources && surroundings_.host != nullptr && surroundings_.sources->may_have_new()) [[unlikely]]
        surroundings_.host->report_sources(surroundings_.sources->take_new());
}

}  // namespace vassal::python
