// SPDX-License-Identifier: Apache-2.0
// A process that the app forks in a request and that comes back from the app (os.fork() and return, sys.exit(), an
// exception). It is no worker: the response, the client and the loop belong to the parent. It ends here, as a Python
// script would, but without the exit handlers, which are the worker's.
#pragma once

namespace vassal::python {

namespace detail {
inline bool is_forked_child = false;  // set by pthread_atfork's handler, which has no argument
[[noreturn]] void leave_forked_child() noexcept;
}  // namespace detail

// Once per worker; whatever forks after this is the app.
void watch_forks() noexcept;

// Hot path. With the interpreter lock held, and perhaps an exception pending: its exit status is the child's.
inline void leave_if_forked_child() noexcept {
    if (detail::is_forked_child) [[unlikely]] detail::leave_forked_child();
}

}  // namespace vassal::python
