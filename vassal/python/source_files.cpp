// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/source_files.h"

#include <filesystem>
#include <utility>

#include "vassal/python/exception_text.h"

namespace vassal::python {

namespace {

constexpr int max_causes = 8;
constexpr std::size_t max_files_of_exception = 64;

std::string library_directory() {
    PyObject* directory = PySys_GetObject("_stdlib_dir");  // since 3.11
    if (directory != nullptr && PyUnicode_Check(directory)) return utf8(directory);
    PyObject* os = PyDict_GetItemString(PyImport_GetModuleDict(), "os");
    PyObject* file = os != nullptr && PyModule_Check(os) ? PyDict_GetItemString(PyModule_GetDict(os), "__file__") : nullptr;
    return file != nullptr ? std::filesystem::path(utf8(file)).parent_path().string() : "";
}

std::string absolute(const std::string& file) {
    std::error_code error;
    return std::filesystem::absolute(file, error).lexically_normal().string();
}

// Bytes as the file system has them: a name that is no UTF-8 is a surrogateescape'd str.
std::string path_of(PyObject* text) {
    if (text == nullptr || !PyUnicode_Check(text)) return {};
    PyRef bytes(PyUnicode_EncodeFSDefault(text));
    if (!bytes) {
        PyErr_Clear();
        return {};
    }
    return {PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))};
}

class ExceptionFiles {
public:
    void add(PyObject* value) {
        if (value == nullptr || value == Py_None) return;
        PyRef trace(PyException_GetTraceback(value));
        for (PyObject* each = trace.get(); each != nullptr && each != Py_None;) {
            const auto* entry = reinterpret_cast<PyTracebackObject*>(each);
            PyRef code(reinterpret_cast<PyObject*>(PyFrame_GetCode(entry->tb_frame)));
            add_file(reinterpret_cast<PyCodeObject*>(code.get())->co_filename);
            each = reinterpret_cast<PyObject*>(entry->tb_next);
        }
        if (PyErr_GivenExceptionMatches(value, PyExc_SyntaxError) == 0) return;
        PyRef name(PyObject_GetAttrString(value, "filename"));
        PyErr_Clear();
        add_file(name.get());
    }
    [[nodiscard]] std::vector<std::string> take() { return {files_.begin(), files_.end()}; }

private:
    void add_file(PyObject* name) {
        const std::string file = path_of(name);
        if (file.empty() || file.front() == '<' || files_.size() >= max_files_of_exception) return;  // "<string>"
        if (std::string path = absolute(file); is_own_source(path, library_)) files_.insert(std::move(path));
    }

    const std::string library_ = library_directory();
    std::set<std::string> files_;
};

}  // namespace

bool is_own_source(std::string_view file, std::string_view library) noexcept {
    if (!file.starts_with('/')) return false;
    const bool is_library = !library.empty() && file.starts_with(library) && file.substr(library.size()).starts_with('/');
    return !is_library && file.find("/site-packages/") == std::string_view::npos &&
           file.find("/dist-packages/") == std::string_view::npos;
}

std::vector<std::string> SourceFiles::take_new() {
    std::vector<std::string> files;
    PyObject* modules = PyImport_GetModuleDict();
    seen_ = PyDict_GET_SIZE(modules);
    PyRef snapshot(PyDict_Values(modules));
    if (!snapshot) {
        PyErr_Clear();
        return files;
    }
    const std::string library = library_directory();
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(snapshot.get()); ++i) {
        PyObject* module = PyList_GET_ITEM(snapshot.get(), i);
        if (!PyModule_Check(module)) continue;  // what pretends to be one may run code when it is asked
        const std::string name = path_of(PyDict_GetItemString(PyModule_GetDict(module), "__file__"));
        if (name.empty()) continue;
        std::string path = absolute(name);
        if (is_own_source(path, library) && known_.insert(path).second) files.push_back(std::move(path));
    }
    return files;
}

std::vector<std::string> files_of_exception() {
    PyObject* type = nullptr;
    PyObject* value = nullptr;
    PyObject* trace = nullptr;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (value != nullptr && trace != nullptr) PyException_SetTraceback(value, trace);
    ExceptionFiles files;
    PyRef each = PyRef::share(value);
    for (int i = 0; i < max_causes && each && each.get() != Py_None; ++i) {
        files.add(each.get());
        PyRef cause(PyException_GetCause(each.get()));
        each = cause ? std::move(cause) : PyRef(PyException_GetContext(each.get()));
    }
    PyErr_Clear();
    PyErr_Restore(type, value, trace);
    return files.take();
}

}  // namespace vassal::python
