// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/uwsgi_module.h"

#include "vassal/python/emperor_module.h"
#include "vassal/python/uwsgi_sources.h"

namespace vassal::python {

namespace {

constexpr const char* capsule_name = "emperor.surroundings";

PyObject* requests(PyObject* capsule, PyObject*) {
    const auto* surroundings = static_cast<Surroundings*>(PyCapsule_GetPointer(capsule, capsule_name));
    if (surroundings == nullptr) return nullptr;
    return PyLong_FromUnsignedLongLong(surroundings->host != nullptr ? surroundings->host->requests() : 0);
}

PyMethodDef requests_definition = {"requests", requests, METH_NOARGS, nullptr};

PyRef facts_of(Surroundings& surroundings) {
    PyRef capsule(PyCapsule_New(&surroundings, capsule_name, nullptr));
    PyRef counter(capsule ? PyCFunction_New(&requests_definition, capsule.get()) : nullptr);
    if (!counter) return {};
    return PyRef(Py_BuildValue("{s:i,s:i,s:n,s:s,s:O,s:i,s:O}", "workers", surroundings.workers, "threads",
                               surroundings.threads, "buffer_size", static_cast<Py_ssize_t>(surroundings.header_size),
                               "app", surroundings.app.c_str(), "preload", surroundings.is_mold ? Py_True : Py_False,
                               "master", static_cast<int>(surroundings.master), "requests", counter.get()));
}

// A module named `name` whose namespace is what `source` makes of `given` (as `given_name`) and our own module.
PyRef module_of(Surroundings& surroundings, const char* name, const char* source, const char* given_name,
                PyObject* given) {
    PyRef module(PyModule_New(name));
    PyObject* const emperor = emperor_module(surroundings);
    if (!module || emperor == nullptr || given == nullptr) return {};
    PyObject* const space = PyModule_GetDict(module.get());
    if (PyDict_SetItemString(space, "__builtins__", PyEval_GetBuiltins()) < 0 ||
        PyDict_SetItemString(space, "_emperor", emperor) < 0 || PyDict_SetItemString(space, given_name, given) < 0) {
        return {};
    }
    const std::string shown = std::string("<") + name + " of Emperor>";
    PyRef code(Py_CompileString(source, shown.c_str(), Py_file_input));
    return PyRef(code ? PyEval_EvalCode(code.get(), space, space) : nullptr) ? std::move(module) : PyRef();
}

}  // namespace

PyObject* uwsgi_module(Surroundings& surroundings) {
    if (!surroundings.uwsgi_module) {
        const PyRef facts = facts_of(surroundings);
        surroundings.uwsgi_module = module_of(surroundings, "uwsgi", uwsgi_source, "_facts", facts.get());
    }
    return surroundings.uwsgi_module.get();
}

PyObject* uwsgidecorators_module(Surroundings& surroundings) {
    if (!surroundings.decorators_module) {
        // Ours, also where the app's own uwsgi.py is what `import uwsgi` finds.
        surroundings.decorators_module = module_of(surroundings, "uwsgidecorators", uwsgidecorators_source, "_uwsgi",
                                                   uwsgi_module(surroundings));
    }
    return surroundings.decorators_module.get();
}

bool call_uwsgi_hook(Surroundings& surroundings, const char* name) {
    if (!surroundings.uwsgi_module) return true;
    PyObject* const hook = PyDict_GetItemString(PyModule_GetDict(surroundings.uwsgi_module.get()), name);
    if (hook == nullptr || hook == Py_None) return true;
    PyRef owner = PyRef::share(hook);
    return PyRef(PyObject_CallNoArgs(hook)).get() != nullptr;
}

}  // namespace vassal::python
