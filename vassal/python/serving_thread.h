// SPDX-License-Identifier: Apache-2.0
// Hot path. Runs the app for one request after the other, on one thread, with the interpreter lock held: environ, call,
// body, close(), by the rules of PEP 3333. Owns all that is reused from request to request. A failure of the app ends
// in a log line and a 500 (request_failure.h), or in abort() where the head is on the wire already.
//
//   result of the call          what is done with it
//   list, tuple                 checked, then sent whole by one finish()
//   our file_wrapper            finish_file() where it wraps a plain regular file, else iterated
//   any other iterable          block by block; the block that completes a declared Content-Length goes by finish()
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vassal/app/application.h"
#include "vassal/python/environ.h"
#include "vassal/python/input.h"
#include "vassal/python/py_ref.h"
#include "vassal/python/python_application.h"
#include "vassal/python/start_response.h"

namespace vassal::python {

class ServingThread {
public:
    // Both are borrowed and outlive the thread. Throws std::runtime_error when Python has no memory.
    ServingThread(PyObject* callable, const ApplicationOptions& options);

    void serve(const app::Request& request, app::Response& response) noexcept;

    // Of the request that runs; null between requests.
    [[nodiscard]] const app::Request* request() const noexcept { return request_; }
    [[nodiscard]] app::Response* response() const noexcept { return start_response_.exchange().response; }

private:
    // How the app did: broken means that the text in broken_rule_ says which rule and by what; raised, that a Python
    // exception is pending.
    enum class Outcome { done, client_gone, broken, raised };

    [[nodiscard]] Outcome deliver(PyObject* result);
    [[nodiscard]] Outcome deliver_sequence(PyObject* result);
    [[nodiscard]] Outcome deliver_file(PyObject* result);
    [[nodiscard]] Outcome deliver_blocks(PyObject* result);
    [[nodiscard]] Outcome deliver_block(PyObject* block, PyObject* source);
    [[nodiscard]] Outcome finish(std::span<const std::string_view> chunks);
    [[nodiscard]] Outcome finish_with(PyObject* block, std::string_view chunk);
    [[nodiscard]] std::string_view count(PyObject* block);
    void note_short_body(const app::Request& request);
    [[nodiscard]] Outcome broken(std::string rule);

    void conclude(Outcome outcome, const app::Request& request, app::Response& response);
    void close(PyObject* result, const app::Request& request, app::Response& response);
    void forget_request();

    PyObject* callable_;
    const ApplicationOptions& options_;
    const app::Request* request_ = nullptr;
    PyRef close_name_, input_name_, file_wrapper_type_;
    Input input_;
    StartResponse start_response_;
    EnvironBuilder environ_;
    std::vector<PyRef> held_;  // blocks of a sequence while they are sent
    std::vector<std::string_view> chunks_;
    std::string broken_rule_;
};

}  // namespace vassal::python
