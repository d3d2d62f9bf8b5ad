// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/forked_child.h"

#include <pthread.h>
#include <unistd.h>

#include "vassal/python/exception_text.h"
#include "vassal/python/py_ref.h"

namespace vassal::python {

namespace {

constexpr int failed = 1;

void flush(const char* name) {
    PyObject* stream = PySys_GetObject(name);
    if (stream == nullptr || stream == Py_None) return;
    PyRef done(PyObject_CallMethod(stream, "flush", nullptr));
    if (!done) PyErr_Clear();
}

// What sys.exit(code) means: nothing is 0, a number itself, anything else is printed.
int status_of(PyObject* exit) {
    PyRef code(PyObject_GetAttrString(exit, "code"));
    if (!code) PyErr_Clear();
    if (!code || code.get() == Py_None) return 0;
    if (PyLong_Check(code.get())) {
        const long number = PyLong_AsLong(code.get());
        if (number == -1) PyErr_Clear();
        return static_cast<int>(number & 0xff);
    }
    PySys_FormatStderr("%S\n", code.get());
    return failed;
}

int exit_status() {
    if (PyErr_Occurred() == nullptr) return 0;
    if (PyErr_ExceptionMatches(PyExc_SystemExit) == 0) {
        PyErr_Print();
        return failed;
    }
    PyObject* type = nullptr;
    PyObject* value = nullptr;
    PyObject* traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyRef type_owner(type), exit(value), traceback_owner(traceback);
    return exit ? status_of(exit.get()) : failed;
}

}  // namespace

void detail::leave_forked_child() noexcept {
    const int status = exit_status();
    flush("stdout");
    flush("stderr");
    ::_exit(status);
}

void watch_forks() noexcept {
    static const int registered = ::pthread_atfork(nullptr, nullptr, [] { detail::is_forked_child = true; });
    static_cast<void>(registered);  // ENOMEM: the worker's own guard ends such a child, without its exit status
}

}  // namespace vassal::python
