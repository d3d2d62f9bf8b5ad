// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/input.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string_view>

#include "vassal/python/stream_reader.h"

namespace vassal::python {

namespace {

constexpr std::size_t line_buffer_size = 16384;   // of a body in a file
constexpr std::uint64_t worth_unlocking = 65536;  // reads below this size keep the interpreter lock

struct State {
    PyObject_HEAD app::Body body;
    std::uint64_t position;
    bool is_open;
    char* buffer;                // part of a file around the current line, made when first needed
    std::uint64_t buffer_start;  // its offset in the body
    std::size_t buffer_size;
    StreamReader* stream;        // owned; open while the body is one
};

State& state_of(PyObject* self) noexcept { return *reinterpret_cast<State*>(self); }

std::uint64_t left(const State& state) noexcept { return state.body.size - state.position; }

// Fills all of `to` from the file; false with an exception set.
bool read_file(int fd, std::uint64_t offset, char* to, std::size_t size) {
    PyThreadState* unlocked = size >= worth_unlocking ? PyEval_SaveThread() : nullptr;
    int error = 0;
    while (size > 0 && error == 0) {
        const ssize_t count = ::pread(fd, to, size, static_cast<off_t>(offset));
        if (count > 0) {
            to += count;
            offset += static_cast<std::uint64_t>(count);
            size -= static_cast<std::size_t>(count);
        } else if (count == 0) {
            error = EIO;  // the file is shorter than the body was
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    if (unlocked != nullptr) PyEval_RestoreThread(unlocked);
    if (error == 0) return true;
    errno = error;
    PyErr_SetFromErrno(PyExc_OSError);
    return false;
}

PyObject* take(State& state, std::uint64_t count) {
    if (state.stream->is_open()) return state.stream->read(count);
    count = std::min(count, left(state));
    if (state.body.file < 0) {
        PyObject* bytes =
            PyBytes_FromStringAndSize(state.body.memory.data() + state.position, static_cast<Py_ssize_t>(count));
        if (bytes != nullptr) state.position += count;
        return bytes;
    }
    PyRef bytes(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(count)));
    if (!bytes) return nullptr;
    const std::uint64_t from = state.position;
    state.position += count;  // first: another thread of the app may read while the lock is away
    if (!read_file(state.body.file, from, PyBytes_AS_STRING(bytes.get()), count)) return nullptr;
    return bytes.release();
}

// The bytes from `offset` on that are at hand; not empty before the end of the body. Null data: exception set.
std::string_view window(State& state, std::uint64_t offset) {
    if (state.body.file < 0) return state.body.memory.substr(offset, state.body.size - offset);
    if (state.buffer == nullptr || offset < state.buffer_start || offset >= state.buffer_start + state.buffer_size) {
        if (state.buffer == nullptr) state.buffer = static_cast<char*>(PyMem_Malloc(line_buffer_size));
        if (state.buffer == nullptr) {
            PyErr_NoMemory();
            return {};
        }
        state.buffer_start = offset;
        state.buffer_size =
            static_cast<std::size_t>(std::min<std::uint64_t>(line_buffer_size, state.body.size - offset));
        if (!read_file(state.body.file, offset, state.buffer, state.buffer_size)) {
            state.buffer_size = 0;
            return {};
        }
    }
    const std::size_t skip = static_cast<std::size_t>(offset - state.buffer_start);
    return {state.buffer + skip, state.buffer_size - skip};
}

// Bytes up to and including the next newline, at most `limit`.
PyObject* take_line(State& state, std::uint64_t limit) {
    if (state.stream->is_open()) return state.stream->read_line(limit);
    limit = std::min(limit, left(state));
    std::uint64_t length = 0;
    while (length < limit) {
        const std::string_view part = window(state, state.position + length).substr(0, limit - length);
        if (part.data() == nullptr) return nullptr;
        if (const std::size_t newline = part.find('\n'); newline != std::string_view::npos) {
            length += newline + 1;
            break;
        }
        length += part.size();
    }
    return take(state, length);
}

// The optional size argument: None and negative numbers mean no limit. False with an exception set.
bool read_arguments(State& state, PyObject* const* arguments, Py_ssize_t count, std::uint64_t& limit) {
    if (!state.is_open) {
        PyErr_SetString(PyExc_ValueError, "wsgi.input was used after the end of its request");
        return false;
    }
    limit = UINT64_MAX;
    if (count > 1) {
        PyErr_Format(PyExc_TypeError, "wsgi.input: expected at most 1 argument, got %zd", count);
        return false;
    }
    if (count == 0 || arguments[0] == Py_None) return true;
    const Py_ssize_t size = PyNumber_AsSsize_t(arguments[0], PyExc_OverflowError);
    if (size == -1 && PyErr_Occurred() != nullptr) return false;
    if (size >= 0) limit = static_cast<std::uint64_t>(size);
    return true;
}

PyObject* read(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    std::uint64_t limit = 0;
    return read_arguments(state_of(self), arguments, count, limit) ? take(state_of(self), limit) : nullptr;
}

PyObject* readline(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    std::uint64_t limit = 0;
    return read_arguments(state_of(self), arguments, count, limit) ? take_line(state_of(self), limit) : nullptr;
}

// The hint bounds the total size roughly, by whole lines; 0 means no bound, as in io.IOBase.
PyObject* readlines(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    State& state = state_of(self);
    std::uint64_t hint = 0;
    if (!read_arguments(state, arguments, count, hint)) return nullptr;
    if (hint == 0) hint = UINT64_MAX;
    PyRef lines(PyList_New(0));
    std::uint64_t total = 0;
    while (lines && total < hint) {
        PyRef line(take_line(state, UINT64_MAX));
        if (!line) return nullptr;
        if (PyBytes_GET_SIZE(line.get()) == 0) break;
        if (PyList_Append(lines.get(), line.get()) < 0) return nullptr;
        total += static_cast<std::uint64_t>(PyBytes_GET_SIZE(line.get()));
    }
    return lines.release();
}

PyObject* next_line(PyObject* self) {
    std::uint64_t limit = 0;
    State& state = state_of(self);
    if (!read_arguments(state, nullptr, 0, limit)) return nullptr;
    PyRef line(take_line(state, limit));
    return line && PyBytes_GET_SIZE(line.get()) > 0 ? line.release() : nullptr;
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    PyMem_Free(state_of(self).buffer);
    delete state_of(self).stream;
    PyObject_Free(self);
    Py_DECREF(type);
}

PyCFunction fast(PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t)) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {{"read", fast(read), METH_FASTCALL, "read(size=-1) -> bytes"},
                         {"readline", fast(readline), METH_FASTCALL, "readline(size=-1) -> bytes"},
                         {"readlines", fast(readlines), METH_FASTCALL, "readlines(hint=-1) -> list of bytes"},
                         {nullptr, nullptr, 0, nullptr}};
PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
                       {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
                       {Py_tp_iternext, reinterpret_cast<void*>(next_line)},
                       {Py_tp_methods, methods},
                       {0, nullptr}};
PyType_Spec spec = {"vassal.Input", sizeof(State), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};

}  // namespace

Input::Input() : type_(PyType_FromSpec(&spec)) {
    if (!type_) throw std::runtime_error("no memory for wsgi.input");
    make();
}

void Input::make() {
    auto stream = std::make_unique<StreamReader>();
    State* state = PyObject_New(State, reinterpret_cast<PyTypeObject*>(type_.get()));
    if (state == nullptr) throw std::runtime_error("no memory for wsgi.input");
    state->body = {};
    state->position = 0;
    state->is_open = false;
    state->buffer = nullptr;
    state->buffer_start = 0;
    state->buffer_size = 0;
    state->stream = stream.release();
    object_.reset(reinterpret_cast<PyObject*>(state));
}

void Input::begin(const app::Body& body) noexcept {
    State& state = state_of(object_.get());
    state.body = body;
    stream_ = body.stream;
    if (stream_ != nullptr) {
        state.stream->begin(*stream_, body.size);
    } else if (body.file < 0) {
        state.body.size = body.memory.size();
    }
    state.position = 0;
    state.is_open = true;
}

bool Input::end(Py_ssize_t expected) {
    State& state = state_of(object_.get());
    state.is_open = false;
    if (stream_ != nullptr) state.stream->end();
    stream_ = nullptr;
    state.body = {};
    state.position = 0;
    state.buffer_size = 0;
    if (Py_REFCNT(object_.get()) == expected) return false;
    make();
    return true;
}

}  // namespace vassal::python
