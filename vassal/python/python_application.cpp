// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/python_application.h"

#include <memory>

#include "vassal/python/serving_thread.h"
#include "vassal/python/thread_lock.h"

namespace vassal::python {

namespace {

// The seam passes no thread object, so each thread finds its own here.
thread_local std::unique_ptr<ServingThread> serving;

}  // namespace

PythonApplication::PythonApplication(PyRef callable, ApplicationOptions options)
    : callable_(std::move(callable)), options_(std::move(options)) {}

void PythonApplication::enter_thread() {
    take_lock();
    serving = std::make_unique<ServingThread>(callable_.get(), options_);
}

void PythonApplication::leave_thread() {
    take_lock();
    serving.reset();
    end_thread();
}

void PythonApplication::release() noexcept { drop_held_lock(); }

void PythonApplication::acquire() noexcept { retake_lock(); }

void PythonApplication::serve(const app::Request& request, app::Response& response) noexcept {
    serving->serve(request, response);
}

}  // namespace vassal::python
