// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/loader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "common/base/nearest.h"
#include "vassal/python/exception_text.h"
#include "vassal/python/source_files.h"

namespace vassal::python {

namespace {

std::unique_ptr<LoadFailure> failed(std::string reason) {
    std::string detail = reason + "\n";
    return std::make_unique<LoadFailure>(LoadFailure{"import", std::move(reason), std::move(detail)});
}

std::unique_ptr<LoadFailure> raised() {
    std::vector<std::string> files = files_of_exception();
    ExceptionText text = take_exception();
    return std::make_unique<LoadFailure>(
        LoadFailure{"import", std::move(text.summary), std::move(text.traceback), std::move(files)});
}

std::string in_quotes(std::string_view text) { return std::string("'").append(text).append("'"); }

// As when a deploy removed the release that a running generation was started in.
bool is_working_directory_gone() {
    char buffer[PATH_MAX];
    return ::getcwd(buffer, sizeof buffer) == nullptr && errno == ENOENT;
}

// The module itself (not something that it imports) was not found: say where Python looked.
bool is_about(PyObject* value, const std::string& module) {
    PyRef name(PyObject_GetAttrString(value, "name"));
    PyErr_Clear();
    const std::string missing = utf8(name.get());
    return !missing.empty() && (missing == module || module.starts_with(missing + "."));
}

std::string search_path() {
    PyObject* path = PySys_GetObject("path");
    std::string text = "Python looked in:\n";
    for (Py_ssize_t i = 0; path != nullptr && PyList_Check(path) && i < PyList_GET_SIZE(path); ++i) {
        text += "  " + str_of(PyList_GET_ITEM(path, i)) + "\n";
    }
    return text;
}

std::unique_ptr<LoadFailure> import_failed(const std::string& module) {
    PyObject* type = nullptr;
    PyObject* value = nullptr;
    PyObject* trace = nullptr;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    const bool is_missing = PyErr_GivenExceptionMatches(type, PyExc_ModuleNotFoundError) && is_about(value, module);
    PyErr_Restore(type, value, trace);
    auto failure = raised();
    if (is_missing) failure->detail += search_path();
    if (is_missing && is_working_directory_gone())
        failure->reason += "; the directory that this generation was started in was removed: reload the app";
    return failure;
}

// Whether the name means something else already: a loaded module, one of the library, another file on sys.path.
bool is_taken(const std::string& name, const std::string& file) {
    PyRef key(PyUnicode_FromString(name.c_str()));
    PyObject* library = PySys_GetObject("stdlib_module_names");
    if (!key || PyDict_Contains(PyImport_GetModuleDict(), key.get()) != 0) return true;
    if (library != nullptr && PySequence_Contains(library, key.get()) != 0) return true;
    PyRef importer(PyImport_ImportModule("_frozen_importlib_external"));
    PyRef finder(importer ? PyObject_GetAttrString(importer.get(), "PathFinder") : nullptr);
    PyRef spec(finder ? PyObject_CallMethod(finder.get(), "find_spec", "O", key.get()) : nullptr);
    PyRef origin(spec && spec.get() != Py_None ? PyObject_GetAttrString(spec.get(), "origin") : nullptr);
    PyErr_Clear();
    return origin && utf8(origin.get()) != file;
}

// Runs a file as a module named after it, unless a module of that name is there already. Its folder goes last on
// sys.path: siblings can be imported, and shadow nothing.
PyRef run_file(const std::string& file) {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::path path = fs::absolute(file, error).lexically_normal();
    PyRef io(PyImport_ImportModule("io"));
    PyRef stream(io ? PyObject_CallMethod(io.get(), "open_code", "s", path.c_str()) : nullptr);
    PyRef source(stream ? PyObject_CallMethod(stream.get(), "read", nullptr) : nullptr);
    if (!source) return {};
    PyRef closed(PyObject_CallMethod(stream.get(), "close", nullptr));
    // compile() rather than Py_CompileString: it reads the coding cookie.
    PyRef builtins(closed ? PyImport_ImportModule("builtins") : nullptr);
    PyRef code(builtins ? PyObject_CallMethod(builtins.get(), "compile", "Oss", source.get(), path.c_str(), "exec")
                        : nullptr);
    if (!code) return {};

    std::string name = path.stem();
    if (is_taken(name, path)) name = "_vassal_file_" + name;
    PyObject* sys_path = PySys_GetObject("path");
    PyRef folder(PyUnicode_DecodeFSDefault(path.parent_path().c_str()));
    if (sys_path != nullptr && folder && PySequence_Contains(sys_path, folder.get()) == 0) {
        PyList_Append(sys_path, folder.get());
    }
    return PyRef(PyImport_ExecCodeModuleEx(name.c_str(), code.get(), path.c_str()));
}

// Defined in this module, not merely imported into it: its functions and classes, and callable instances.
bool belongs_to(PyObject* object, PyObject* module_name) {
    if (!PyFunction_Check(object) && !PyType_Check(object))
        return !PyCFunction_Check(object) && !PyModule_Check(object);
    PyRef home(PyObject_GetAttrString(object, "__module__"));
    PyErr_Clear();
    return home && PyUnicode_Check(home.get()) && PyUnicode_Compare(home.get(), module_name) == 0;
}

std::vector<std::string> callables_of(PyObject* module) {
    std::vector<std::string> names;
    PyRef module_name(PyModule_GetNameObject(module));
    PyObject* members = PyModule_GetDict(module);
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    Py_ssize_t position = 0;
    while (module_name && PyDict_Next(members, &position, &key, &value) != 0) {
        if (PyCallable_Check(value) == 0 || !belongs_to(value, module_name.get())) continue;
        std::string name = utf8(key);
        if (!name.empty() && name[0] != '_') names.push_back(std::move(name));
    }
    PyErr_Clear();
    return names;
}

std::unique_ptr<LoadFailure> missing(const AppSpec& spec, PyObject* module) {
    const std::string where = spec.is_file ? "file " + in_quotes(spec.module) : "module " + in_quotes(spec.module);
    const std::vector<std::string> names = callables_of(module);
    std::string reason =
        where + " has no " + (spec.callable.empty() ? "'application' or 'app'" : in_quotes(spec.callable));
    if (const auto near = common::nearest(spec.callable, names, 1); !spec.callable.empty() && !near.empty()) {
        reason += ", did you mean " + in_quotes(near.front()) + "?";
    }
    if (names.empty()) return failed(reason + "; there is no callable in it");
    reason += "; callables there: ";
    std::string factory;
    for (std::size_t i = 0; i < names.size() && i < 8; ++i) {
        reason += (i > 0 ? ", " : "") + names[i];
        const bool is_maker = names[i].starts_with("create") || names[i].starts_with("make") || names[i] == "factory";
        if (factory.empty() && is_maker) factory = names[i];
    }
    if (names.size() > 8) reason += " and " + std::to_string(names.size() - 8) + " more";
    if (!factory.empty()) reason += " (write " + spec.module + ":" + factory + "() for a factory)";
    return failed(std::move(reason));
}

// Walks a dotted name; empty and no exception where a part is missing.
PyRef attribute(PyObject* from, std::string_view dotted) {
    PyRef object = PyRef::share(from);
    while (object) {
        const std::size_t dot = dotted.find('.');
        object.reset(PyObject_GetAttrString(object.get(), std::string(dotted.substr(0, dot)).c_str()));
        if (dot == std::string_view::npos) break;
        dotted.remove_prefix(dot + 1);
    }
    if (!object && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
    return object;
}

bool is_coroutine_function(PyObject* object) {
    PyRef call = PyFunction_Check(object) || PyMethod_Check(object)
                     ? PyRef::share(object)
                     : PyRef(PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(object)), "__call__"));
    PyRef code(call ? PyObject_GetAttrString(call.get(), "__code__") : nullptr);
    PyErr_Clear();
    return code && PyCode_Check(code.get()) &&
           (reinterpret_cast<PyCodeObject*>(code.get())->co_flags & CO_COROUTINE) != 0;
}

}  // namespace

AppSpec parse_app(std::string_view app) {
    AppSpec spec;
    const std::size_t colon = app.rfind(':');
    spec.module = app.substr(0, colon);
    if (colon != std::string_view::npos) spec.callable = app.substr(colon + 1);
    if (spec.callable.ends_with("()")) {
        spec.callable.resize(spec.callable.size() - 2);
        spec.is_factory = true;
    }
    spec.is_file = spec.module.ends_with(".py") || spec.module.find('/') != std::string::npos;
    return spec;
}

namespace {

// Where the app's own module may appear, for those who wait for it.
std::vector<std::string> candidates(const AppSpec& spec) {
    std::string place = spec.module;
    if (!spec.is_file) std::ranges::replace(place, '.', '/');
    std::error_code error;
    const std::string path = std::filesystem::absolute(place, error).lexically_normal();
    if (spec.is_file) return {path};
    return {path + ".py", path + "/__init__.py"};
}

LoadedApp look_up(std::string_view app) {
    LoadedApp loaded;
    const AppSpec spec = parse_app(app);
    if (spec.module.empty()) {
        loaded.failure = failed("app " + in_quotes(app) + " names no module");
        return loaded;
    }
    PyRef module = spec.is_file ? run_file(spec.module) : PyRef(PyImport_ImportModule(spec.module.c_str()));
    if (!module) {
        loaded.failure = import_failed(spec.module);
        return loaded;
    }
    std::string found = spec.callable.empty() ? "application" : spec.callable;
    PyRef object = attribute(module.get(), found);
    if (!object && spec.callable.empty() && PyErr_Occurred() == nullptr) {
        object = attribute(module.get(), found = "app");
    }
    if (!object) {
        loaded.failure = PyErr_Occurred() != nullptr ? raised() : missing(spec, module.get());
        return loaded;
    }
    loaded.name = spec.module + ":" + found;
    if (spec.is_factory) {
        loaded.name += "()";
        if (PyCallable_Check(object.get()) != 0) object.reset(PyObject_CallNoArgs(object.get()));
        if (!object) {
            loaded.failure = raised();
            return loaded;
        }
    }
    if (PyCallable_Check(object.get()) == 0) {
        loaded.failure = failed(loaded.name + (spec.is_factory ? " returned " : " is ") + repr_of(object.get()) +
                                ", a WSGI app must be callable");
    } else if (is_coroutine_function(object.get())) {
        loaded.failure = failed(loaded.name + " is asynchronous (ASGI); only WSGI apps are served");
    }
    loaded.callable = std::move(object);
    return loaded;
}

}  // namespace

LoadedApp load_app(std::string_view app) {
    LoadedApp loaded = look_up(app);
    if (loaded.failure) {
        for (std::string& file : candidates(parse_app(app))) loaded.failure->files.push_back(std::move(file));
    }
    return loaded;
}

}  // namespace vassal::python
