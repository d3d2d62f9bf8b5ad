// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/broken_rules.h"

#include "vassal/python/exception_text.h"

namespace vassal::python {

namespace {

std::string kind_of(PyObject* object) {
    return object == Py_None ? "None" : type_name(reinterpret_cast<PyObject*>(Py_TYPE(object)));
}

// What yielded, for the log: a generator is named with the line that it stands on.
std::string source_name(PyObject* source) {
    if (!PyGen_Check(source)) return std::string("the ").append(kind_of(source));
    PyRef frame(PyObject_GetAttrString(source, "gi_frame"));
    PyRef code(PyObject_GetAttrString(source, "gi_code"));
    PyRef file(code ? PyObject_GetAttrString(code.get(), "co_filename") : nullptr);
    PyErr_Clear();
    std::string name = "generator ";
    name += str_of(reinterpret_cast<PyGenObject*>(source)->gi_qualname);
    if (frame && PyFrame_Check(frame.get()) && file) {
        const int line = PyFrame_GetLineNumber(reinterpret_cast<PyFrameObject*>(frame.get()));
        name += " (" + utf8(file.get()) + ", line " + std::to_string(line) + ")";
    }
    return name;
}

std::string rule(const std::string& app) { return std::string("PEP 3333: ").append(app); }

std::string with_kind(PyObject* object) { return kind_of(object).append(" ").append(repr_of(object)); }

}  // namespace

std::string no_start_response(const std::string& app) {
    return rule(app).append(" did not call start_response before its body");
}

std::string not_iterable(const std::string& app, PyObject* result) {
    std::string text = rule(app).append(" must return an iterable of bytes, it returned ").append(kind_of(result));
    if (PyUnicode_Check(result)) text.append(" ").append(repr_of(result)).append(" (return [text.encode()])");
    if (PyBytes_Check(result)) text.append(" itself, whose items are numbers (return [body])");
    return text;
}

std::string item_not_bytes(const std::string& app, PyObject* result, Py_ssize_t index, PyObject* item) {
    std::string text = rule("item ").append(std::to_string(index)).append(" of the ").append(kind_of(result));
    return text.append(" from ").append(app).append(" must be bytes, it is ").append(with_kind(item));
}

std::string block_not_bytes(const std::string& app, PyObject* iterator, PyObject* block) {
    std::string text = rule(source_name(iterator)).append(" from ").append(app);
    return text.append(" must yield bytes, it yielded ").append(with_kind(block));
}

std::string body_too_long(const std::string& app, std::int64_t declared) {
    std::string text = rule("the body from ").append(app).append(" is longer than its Content-Length (");
    return text.append(std::to_string(declared)).append("), it was cut there");
}

std::string body_too_short(const std::string& app, std::int64_t declared, std::uint64_t sent) {
    std::string text = rule("the body from ").append(app).append(" is shorter than its Content-Length (");
    text.append(std::to_string(declared)).append("), it has ").append(std::to_string(sent)).append(" bytes");
    return text.append("; the connection ends, so that the client can tell");
}

}  // namespace vassal::python
