// SPDX-License-Identifier: Apache-2.0
// The interpreter lock as seen by one thread of the worker. Each thread owns one PyThreadState from its first
// take_lock() to end_thread(); the main thread's belongs to the interpreter and lives as long as the process.
#pragma once

namespace vassal::python {

// The calling thread has just started Python and so holds the lock.
void adopt_lock() noexcept;
// Makes a thread state for a thread that has none, then waits for the lock. No effect on a thread that holds it.
void take_lock();
// Gives the lock up and keeps the thread state for the next take_lock(). No effect on a thread that does not hold it.
void drop_lock() noexcept;
// Between a drop_lock() and the thread's next take_lock(), without their checks (per wait, hot).
void drop_held_lock() noexcept;
void retake_lock() noexcept;
// Ends this thread's use of Python: its state is deleted (the main thread's is only kept aside) and the lock is free.
void end_thread() noexcept;

}  // namespace vassal::python
