// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/file_wrapper.h"

#include <sys/stat.h>

namespace vassal::python {

namespace {

constexpr Py_ssize_t default_block_size = 65536;

struct State {
    PyObject_HEAD PyObject* file;
    Py_ssize_t block_size;
};

State& state_of(PyObject* self) noexcept { return *reinterpret_cast<State*>(self); }

PyObject* create(PyTypeObject* type, PyObject* arguments, PyObject* names) {
    static const char* const keywords[] = {"filelike", "blksize", nullptr};
    PyObject* file = nullptr;
    Py_ssize_t block_size = default_block_size;
    if (PyArg_ParseTupleAndKeywords(arguments, names, "O|n:file_wrapper", const_cast<char**>(keywords),  // NOLINT
                                    &file, &block_size) == 0) {
        return nullptr;
    }
    PyObject* self = type->tp_alloc(type, 0);
    if (self == nullptr) return nullptr;
    state_of(self).file = Py_NewRef(file);
    state_of(self).block_size = block_size > 0 ? block_size : default_block_size;
    return self;
}

int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(state_of(self).file);
    return 0;
}

int clear(PyObject* self) {
    Py_CLEAR(state_of(self).file);
    return 0;
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

// An empty block of whatever kind ends the iteration; the kind is checked by who sends it.
PyObject* next_block(PyObject* self) {
    State& state = state_of(self);
    if (state.file == nullptr) return nullptr;
    PyRef block(PyObject_CallMethod(state.file, "read", "n", state.block_size));
    if (!block) return nullptr;
    const int is_full = PyObject_IsTrue(block.get());
    return is_full > 0 ? block.release() : nullptr;
}

PyObject* close(PyObject* self, PyObject*) {
    PyObject* file = state_of(self).file;
    PyRef method(file != nullptr ? PyObject_GetAttrString(file, "close") : nullptr);
    if (method) return PyObject_CallNoArgs(method.get());
    if (PyErr_Occurred() != nullptr && PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return nullptr;
    PyErr_Clear();
    Py_RETURN_NONE;
}

PyMethodDef methods[] = {{"close", close, METH_NOARGS, "close() closes the file"}, {nullptr, nullptr, 0, nullptr}};
PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(create)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
                       {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                       {Py_tp_clear, reinterpret_cast<void*>(clear)},
                       {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
                       {Py_tp_iternext, reinterpret_cast<void*>(next_block)},
                       {Py_tp_methods, methods},
                       {0, nullptr}};
PyType_Spec spec = {"vassal.FileWrapper", sizeof(State), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, slots};

// Only the interpreter's own binary files: others may have a fileno() whose bytes are not what read() gives (gzip).
bool is_plain_file(PyObject* file) {
    PyRef io(PyImport_ImportModule("_io"));
    for (const char* name : {"BufferedReader", "BufferedRandom", "FileIO"}) {
        PyRef type(io ? PyObject_GetAttrString(io.get(), name) : nullptr);
        if (type && reinterpret_cast<PyObject*>(Py_TYPE(file)) == type.get()) return true;
    }
    return false;
}

FilePart regular_rest(PyObject* file) {
    if (!is_plain_file(file)) return {};
    const int fd = PyObject_AsFileDescriptor(file);
    struct stat status {};
    if (fd < 0 || ::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return {};
    PyRef position(PyObject_CallMethod(file, "tell", nullptr));
    const long long offset = position ? PyLong_AsLongLong(position.get()) : -1;
    if (offset < 0 || PyErr_Occurred() != nullptr) return {};
    const auto from = static_cast<std::uint64_t>(offset);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    return {fd, from, size > from ? size - from : 0};
}

}  // namespace

PyObject* new_file_wrapper_type() { return PyType_FromSpec(&spec); }

FilePart file_part(PyObject* wrapper) {
    PyObject* file = state_of(wrapper).file;
    FilePart part = file != nullptr ? regular_rest(file) : FilePart{};
    PyErr_Clear();
    return part;
}

}  // namespace vassal::python
