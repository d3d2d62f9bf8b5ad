// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/thread_lock.h"

#include "vassal/python/py_ref.h"

namespace vassal::python {

namespace {

// The state of this thread while it does not hold the lock; the seam names no thread, so it has to be found this way.
thread_local PyThreadState* parked = nullptr;
thread_local bool is_made_here = false;

}  // namespace

void take_lock() {
    if (PyGILState_Check() != 0) return;
    if (parked == nullptr) {
        parked = PyThreadState_New(PyInterpreterState_Main());
        is_made_here = true;
    }
    retake_lock();
}

void drop_lock() noexcept {
    if (PyGILState_Check() != 0) drop_held_lock();
}

void drop_held_lock() noexcept { parked = PyEval_SaveThread(); }

void retake_lock() noexcept { PyEval_RestoreThread(parked); }

void end_thread() noexcept {
    if (!is_made_here) return drop_lock();
    take_lock();
    parked = nullptr;
    is_made_here = false;
    PyThreadState* state = PyThreadState_Get();
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
}

}  // namespace vassal::python
