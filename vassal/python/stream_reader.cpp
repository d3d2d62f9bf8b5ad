// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/stream_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>

namespace vassal::python {

namespace {

constexpr std::size_t buffer_size = 16384;
constexpr std::uint64_t first_allocation = 65536;  // then as much more as has come: a promised length costs nothing

struct Failure {
    int error;
    const char* text;
};

Failure failure_of(app::BodyEnd end) noexcept {
    switch (end) {
        case app::BodyEnd::timed_out: return {ETIMEDOUT, "the client sent nothing more of the request body in time"};
        case app::BodyEnd::too_large: return {EFBIG, "the request body is longer than limits.body"};
        case app::BodyEnd::malformed: return {EPROTO, "the request body breaks the rules of its protocol"};
        case app::BodyEnd::answered: return {ECANCELED, "the request body was not read before the end of the response"};
        case app::BodyEnd::none:
        case app::BodyEnd::complete:
        case app::BodyEnd::client_gone: break;
    }
    return {ECONNRESET, "the client went away before the end of the request body"};
}

}  // namespace

StreamReader::StreamReader() : reading_(PyThread_allocate_lock()) {
    if (reading_ == nullptr) throw std::runtime_error("no memory for wsgi.input");
}

StreamReader::~StreamReader() { PyThread_free_lock(reading_); }

void StreamReader::begin(app::BodyStream& stream, std::uint64_t size) noexcept {
    stream_ = &stream;
    left_ = size;
    buffer_.clear();
    at_ = 0;
}

void StreamReader::end() {
    if (stream_ == nullptr) return;
    if (PyThread_acquire_lock(reading_, NOWAIT_LOCK) == 0) {
        stream_->cancel();
        PyThreadState* const unlocked = PyEval_SaveThread();
        PyThread_acquire_lock(reading_, WAIT_LOCK);
        PyEval_RestoreThread(unlocked);
    }
    stream_ = nullptr;
    if (buffer_.capacity() > 2 * buffer_size) buffer_ = {};
    PyThread_release_lock(reading_);
}

bool StreamReader::begin_reading() {
    if (PyThread_acquire_lock(reading_, NOWAIT_LOCK) != 0) return true;
    PyErr_SetString(PyExc_RuntimeError, "wsgi.input is being read by another thread");
    return false;
}

PyObject* StreamReader::read(std::uint64_t limit) {
    if (!begin_reading()) return nullptr;
    PyObject* const bytes = take(limit);
    PyThread_release_lock(reading_);
    return bytes;
}

PyObject* StreamReader::read_line(std::uint64_t limit) {
    if (!begin_reading()) return nullptr;
    PyObject* line = nullptr;
    try {
        line = take_line(limit);
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    }
    PyThread_release_lock(reading_);
    return line;
}

bool StreamReader::check_end() const {
    const app::BodyEnd end = stream_->end();
    if (end == app::BodyEnd::none || end == app::BodyEnd::complete) return true;
    const Failure failure = failure_of(end);
    // OSError itself chooses the subclass by the number.
    if (PyRef arguments(Py_BuildValue("(is)", failure.error, failure.text)); arguments) {
        PyErr_SetObject(PyExc_OSError, arguments.get());
    }
    return false;
}

std::size_t StreamReader::take_buffered(char* to, std::size_t size) noexcept {
    size = std::min(size, buffer_.size() - at_);
    std::memcpy(to, buffer_.data() + at_, size);
    at_ += size;
    return size;
}

PyObject* StreamReader::take(std::uint64_t limit) {
    limit = std::min(limit, left_);
    std::uint64_t room = std::min(limit, std::max<std::uint64_t>(first_allocation, buffer_.size() - at_));
    PyObject* bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(room));
    if (bytes == nullptr) return nullptr;
    std::uint64_t size = take_buffered(PyBytes_AS_STRING(bytes), room);
    while (size < limit) {
        if (size == room) {
            room = std::min(limit, room * 2);
            if (_PyBytes_Resize(&bytes, static_cast<Py_ssize_t>(room)) < 0) return nullptr;
        }
        const std::size_t count = stream_->read(PyBytes_AS_STRING(bytes) + size, room - size);
        if (count == 0) break;
        size += count;
    }
    if (size < limit && !check_end()) {
        Py_DECREF(bytes);
        return nullptr;
    }
    left_ -= size;
    if (size < room && _PyBytes_Resize(&bytes, static_cast<Py_ssize_t>(size)) < 0) return nullptr;
    return bytes;
}

bool StreamReader::fill() {
    buffer_.erase(0, at_);
    at_ = 0;
    const std::size_t have = buffer_.size();
    buffer_.resize(have + buffer_size);
    const std::size_t count = stream_->read(buffer_.data() + have, buffer_size);
    buffer_.resize(have + count);
    return count > 0;
}

PyObject* StreamReader::take_line(std::uint64_t limit) {
    limit = std::min(limit, left_);
    std::size_t searched = 0;
    for (;;) {
        const std::size_t have = buffer_.size() - at_;
        const std::size_t newline = buffer_.find('\n', at_ + searched);
        const bool is_found = newline != std::string::npos;
        if (is_found || have >= limit) {
            return take(is_found ? std::min<std::uint64_t>(newline + 1 - at_, limit) : limit);
        }
        searched = have;
        if (!fill()) return check_end() ? take(buffer_.size() - at_) : nullptr;
    }
}

}  // namespace vassal::python
