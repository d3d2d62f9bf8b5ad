// SPDX-License-Identifier: Apache-2.0
// The WSGI side of the Application seam: holds the app's callable and one ServingThread per worker thread. One per
// process, owned by the interpreter; knows no socket and no protocol.
#pragma once

#include <string>

#include "vassal/app/application.h"
#include "vassal/python/py_ref.h"

namespace vassal::python {

struct ApplicationOptions {
    std::string name;  // "mysite.wsgi:application", for messages
    bool is_multithread = false;
    bool is_multiprocess = false;
    bool shows_tracebacks = false;  // in the answer to a request that failed
};

class ServingThread;
struct Surroundings;

// Of the calling thread; null where it serves no requests (threads of the app).
[[nodiscard]] ServingThread* serving_thread() noexcept;

class PythonApplication final : public app::Application {
public:
    // `surroundings` outlives it.
    PythonApplication(PyRef callable, ApplicationOptions options, Surroundings& surroundings);

    void enter_thread() override;
    void leave_thread() override;
    void release() noexcept override;
    void acquire() noexcept override;
    void dump_tracebacks(int fd) const noexcept override;
    void dump_own_traceback(int fd) const noexcept override;
    [[nodiscard]] bool holds_lock() const noexcept override;
    void attach(app::Host* host) noexcept override;
    void serve(const app::Request& request, app::Response& response) noexcept override;

private:
    PyRef callable_;
    ApplicationOptions options_;
    Surroundings& surroundings_;
};

}  // namespace vassal::python
