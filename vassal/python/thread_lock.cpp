// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/thread_lock.h"

#include "vassal/python/py_ref.h"

namespace vassal::python {

namespace {

// The seam names no thread, so what belongs to it has to be found this way. PyGILState_Check would not do: it says yes
// to everything once an app has made a subinterpreter.
thread_local PyThreadState* parked = nullptr;  // this thread's state while it does not hold the lock
thread_local bool is_holding = false;
thread_local bool is_made_here = false;

}  // namespace

void adopt_lock() noexcept { is_holding = true; }

void take_lock() {
    if (is_holding) return;
    if (parked == nullptr) {
        parked = PyThreadState_New(PyInterpreterState_Main());
        is_made_here = true;
    }
    retake_lock();
}

void drop_lock() noexcept {
    if (is_holding) drop_held_lock();
}

void drop_held_lock() noexcept {
    is_holding = false;
    parked = PyEval_SaveThread();
}

void retake_lock() noexcept {
    PyEval_RestoreThread(parked);
    is_holding = true;
}

void end_thread() noexcept {
    if (!is_made_here) return drop_lock();
    take_lock();
    parked = nullptr;
    is_made_here = false;
    is_holding = false;
    PyThreadState* state = PyThreadState_Get();
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
}

}  // namespace vassal::python
