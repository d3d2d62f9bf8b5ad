// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/module_finder.h"

#include "vassal/python/emperor_module.h"
#include "vassal/python/exception_text.h"
#include "vassal/python/uwsgi_module.h"

namespace vassal::python {

namespace {

using Make = PyObject* (*)(Surroundings&);

// Null: not one of ours.
Make maker_of(std::string_view name) noexcept {
    if (name == "emperor") return emperor_module;
    if (name == "uwsgi") return uwsgi_module;
    if (name == "uwsgidecorators") return uwsgidecorators_module;
    return nullptr;
}

// The finder is a module object: importlib asks for nothing but these functions, of a finder as of a loader.
PyObject* find_spec(PyObject* self, PyObject* arguments) {
    PyObject* name = nullptr;
    PyObject* ignored = nullptr;
    if (PyArg_ParseTuple(arguments, "U|OO:find_spec", &name, &ignored, &ignored) == 0) return nullptr;
    if (maker_of(utf8(name)) == nullptr) Py_RETURN_NONE;
    PyRef importlib(PyImport_ImportModule("_frozen_importlib"));
    PyRef type(importlib ? PyObject_GetAttrString(importlib.get(), "ModuleSpec") : nullptr);
    PyRef positional(Py_BuildValue("(OO)", name, self));
    PyRef named(Py_BuildValue("{s:s}", "origin", "emperor"));
    return type && positional && named ? PyObject_Call(type.get(), positional.get(), named.get()) : nullptr;
}

PyObject* create_module(PyObject* self, PyObject* spec) {
    PyRef name(PyObject_GetAttrString(spec, "name"));
    if (!name) return nullptr;
    const Make make = maker_of(utf8(name.get()));
    if (make == nullptr) return PyErr_Format(PyExc_ImportError, "no module %R here", name.get());
    return Py_XNewRef(make(**static_cast<Surroundings**>(PyModule_GetState(self))));
}

PyObject* exec_module(PyObject*, PyObject*) { Py_RETURN_NONE; }  // it is complete

PyMethodDef functions[] = {{"find_spec", find_spec, METH_VARARGS, nullptr},
                           {"create_module", create_module, METH_O, nullptr},
                           {"exec_module", exec_module, METH_O, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "emperor_importer", nullptr, sizeof(Surroundings*), functions,
                          nullptr, nullptr, nullptr, nullptr};

}  // namespace

bool install_modules(Surroundings& surroundings) noexcept {
    PyRef finder(PyModule_Create(&definition));
    if (!finder) return false;
    *static_cast<Surroundings**>(PyModule_GetState(finder.get())) = &surroundings;
    PyObject* const path = PySys_GetObject("meta_path");
    return path != nullptr && PyList_Check(path) && PyList_Append(path, finder.get()) == 0;
}

}  // namespace vassal::python
