// SPDX-License-Identifier: Apache-2.0
// wsgi.input: the request's body as a readable object, from memory, from a file, or from the client while it sends
// (stream_reader.h); never reads beyond the body. One per serving thread, reused while the app does not keep it; kept
// beyond its request it raises ValueError like a closed file.
#pragma once

#include "vassal/app/application.h"
#include "vassal/python/py_ref.h"

namespace vassal::python {

class Input {
public:
    // Throws std::runtime_error when Python has no memory.
    Input();
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;

    [[nodiscard]] PyObject* object() const noexcept { return object_.get(); }
    void begin(const app::Body& body) noexcept;
    // Why a body that was read from the client ended, or did not.
    [[nodiscard]] app::BodyEnd stream_end() const noexcept {
        return stream_ == nullptr ? app::BodyEnd::none : stream_->end();
    }
    // The request is over. True when the app (or an environ that it kept) still holds the object: others than the
    // `expected` references. Then a new one has taken its place.
    [[nodiscard]] bool end(Py_ssize_t expected);

private:
    void make();

    PyRef type_, object_;
    app::BodyStream* stream_ = nullptr;
};

}  // namespace vassal::python
