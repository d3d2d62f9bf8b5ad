// SPDX-License-Identifier: Apache-2.0
// What a worker says when it dies of SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT: the requests that its threads sit in,
// the crashing thread's first; then whoever handled the signal before goes on (Python's faulthandler with its
// tracebacks), and the process dies of that very signal. All of it in the handler, on a stack of its own.
#pragma once

#include "vassal/worker/response.h"
#include "vassal/worker/shared.h"

namespace vassal::worker {

// While one exists. At most one does in a process; made after the application, whose handlers it calls.
class LastWords {
public:
    explicit LastWords(Shared& shared) noexcept;
    ~LastWords();
    LastWords(const LastWords&) = delete;
    LastWords& operator=(const LastWords&) = delete;
};

// One per serving thread, made and destroyed in it: handlers run there even when its own stack has overflowed, and
// signals that only it can answer reach it.
class SignalStack {
public:
    explicit SignalStack(const ResponseSink& sink) noexcept;  // of the same thread; knows the id of its request
    ~SignalStack();
    SignalStack(const SignalStack&) = delete;
    SignalStack& operator=(const SignalStack&) = delete;

private:
    void* memory_;
};

// Application::dump_tracebacks() in a handler while other threads run on: it walks frames that may vanish meanwhile.
// A fault on the way ends the walk, not the process.
void dump_tracebacks(const app::Application& application) noexcept;

// The same of the calling thread alone.
void dump_own_traceback(const app::Application& application, int fd) noexcept;

// The name of the request of a thread: "GET /path".
[[nodiscard]] std::string_view request_line(const common::scoreboard::ThreadSlot& slot) noexcept;

}  // namespace vassal::worker
