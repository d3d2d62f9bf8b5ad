// SPDX-License-Identifier: Apache-2.0
// The reading half of wsgi.input where the body is still coming (`stream_body`): bytes and lines from a BodyStream, with
// a small buffer between. Used by input.cpp with the interpreter lock held, which is released while the client is
// waited for; a second thread of the app that reads meanwhile gets a RuntimeError. A client that does not send what it
// promised is an OSError: ConnectionResetError (gone), TimeoutError (timeouts.body), EFBIG (limits.body), EPROTO.
#pragma once

#include <string>

#include "vassal/app/application.h"
#include "vassal/python/py_ref.h"

namespace vassal::python {

class StreamReader {
public:
    // Throws std::runtime_error when Python has no memory.
    StreamReader();
    StreamReader(const StreamReader&) = delete;
    StreamReader& operator=(const StreamReader&) = delete;
    ~StreamReader();

    void begin(app::BodyStream& stream, std::uint64_t size) noexcept;
    // The request is over: a read in which another thread waits ends, and is waited for.
    void end();

    [[nodiscard]] bool is_open() const noexcept { return stream_ != nullptr; }
    // Exactly `limit` bytes, fewer only at the end of the body. Null with an exception set.
    [[nodiscard]] PyObject* read(std::uint64_t limit);
    // Up to and including the next newline, at most `limit`; empty at the end of the body.
    [[nodiscard]] PyObject* read_line(std::uint64_t limit);

private:
    [[nodiscard]] bool begin_reading();
    [[nodiscard]] PyObject* take(std::uint64_t limit);
    [[nodiscard]] PyObject* take_line(std::uint64_t limit);
    // More into buffer_. False: there is no more, or an exception is set.
    [[nodiscard]] bool fill();
    [[nodiscard]] std::size_t take_buffered(char* to, std::size_t size) noexcept;
    // Sets the exception where the body has not come to its end. False then.
    [[nodiscard]] bool check_end() const;

    app::BodyStream* stream_ = nullptr;
    std::uint64_t left_ = 0;  // of the body, as far as the client has said; an upper bound
    std::string buffer_;
    std::size_t at_ = 0;
    PyThread_type_lock reading_;
};

}  // namespace vassal::python
