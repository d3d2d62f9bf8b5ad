// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/exception_text.h"

namespace vassal::python {

namespace {

std::string shortened(std::string text, std::size_t limit) {
    if (text.size() <= limit) return text;
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;  // not within a character
    text.resize(limit);
    return text + "...";
}

// An exception may carry megabytes of text; its ends are what people read.
std::string without_middle(std::string text) {
    constexpr std::size_t half = 32768;
    if (text.size() > 2 * half) text.replace(half, text.size() - 2 * half, "\n...\n");
    return text;
}

std::string text_or_type(PyRef text, PyObject* object, std::size_t limit) {
    if (text) return shortened(utf8(text.get()), limit);
    PyErr_Clear();
    std::string text_of_type("<");
    return text_of_type.append(type_name(reinterpret_cast<PyObject*>(Py_TYPE(object)))).append(" object>");
}

// traceback.format_exception knows chains, groups and notes. It is imported on the first failure only; where that
// fails too (no fd left, no memory) the summary has to do.
std::string formatted(PyObject* type, PyObject* value, PyObject* trace) {
    PyRef module(PyImport_ImportModule("traceback"));
    PyRef lines(module ? PyObject_CallMethod(module.get(), "format_exception", "OOO", type, value, trace) : nullptr);
    PyRef empty(PyUnicode_FromString(""));
    PyRef whole(lines && empty ? PyUnicode_Join(empty.get(), lines.get()) : nullptr);
    std::string text = whole ? utf8(whole.get()) : std::string();
    PyErr_Clear();
    return without_middle(std::move(text));
}

}  // namespace

std::string utf8(PyObject* text) {
    if (text == nullptr || !PyUnicode_Check(text)) return {};
    PyRef bytes(PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"));
    if (!bytes) {
        PyErr_Clear();
        return {};
    }
    return {PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))};
}

std::string str_of(PyObject* object, std::size_t limit) {
    return text_or_type(PyRef(PyObject_Str(object)), object, limit);
}

std::string repr_of(PyObject* object, std::size_t limit) {
    return text_or_type(PyRef(PyObject_Repr(object)), object, limit);
}

std::string type_name(PyObject* type) {
    PyRef name(PyObject_GetAttrString(type, "__qualname__"));
    PyRef module(PyObject_GetAttrString(type, "__module__"));
    PyErr_Clear();
    const std::string qualifier = utf8(module.get());
    const std::string plain = name ? utf8(name.get()) : "?";
    return qualifier.empty() || qualifier == "builtins" || qualifier == "__main__" ? plain : qualifier + "." + plain;
}

std::string one_line(std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string line;
    line.reserve(text.size());
    for (const char character : text) {
        const auto byte = static_cast<unsigned char>(character);
        if (byte >= 0x20 && byte != 0x7F) {
            line += character;
        } else if (character == '\n') {
            line += "\\n";
        } else if (character == '\t') {
            line += "\\t";
        } else {
            line += {'\\', 'x', digits[byte >> 4U], digits[byte & 15U]};
        }
    }
    return line;
}

ExceptionText take_exception() {
    PyObject* raw_type = nullptr;
    PyObject* raw_value = nullptr;
    PyObject* raw_trace = nullptr;
    PyErr_Fetch(&raw_type, &raw_value, &raw_trace);
    PyErr_NormalizeException(&raw_type, &raw_value, &raw_trace);
    PyRef type(raw_type);
    PyRef value(raw_value);
    PyRef trace(raw_trace);
    if (!type || !value) return {"an exception without a value", "an exception without a value\n"};
    PyErr_Clear();
    if (trace) PyException_SetTraceback(value.get(), trace.get());

    ExceptionText text;
    text.summary = type_name(type.get());
    if (const std::string message = str_of(value.get()); !message.empty()) text.summary += ": " + one_line(message);
    text.traceback = formatted(type.get(), value.get(), trace ? trace.get() : Py_None);
    if (text.traceback.empty()) text.traceback = text.summary + "\n";
    return text;
}

}  // namespace vassal::python
