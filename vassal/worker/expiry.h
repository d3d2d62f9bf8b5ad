// SPDX-License-Identifier: Apache-2.0
// timeouts.request on the worker's side, for one thread. The master judges, and interrupts the thread with
// link::request_timeout_signal(); what follows happens in the handler, because the app may hang in C with or without the
// interpreter lock: the client is answered (response_expiry.cpp), Python's tracebacks go to the log, and the thread
// counts as stuck until it comes back. The others finish what was accepted; gate.h ends the process when only stuck
// threads are left, and the handler does when nobody is left who could serve.
#pragma once

#include <csignal>

#include "vassal/worker/access_writer.h"
#include "vassal/worker/last_words.h"
#include "vassal/worker/meter.h"
#include "vassal/worker/response.h"
#include "vassal/worker/shared.h"

namespace vassal::worker {

// Made and destroyed in its thread.
class Expiry {
public:
    // `head`: of the request that the thread serves.
    Expiry(Shared& shared, common::scoreboard::ThreadSlot& slot, Meter& meter, ResponseSink& sink, AccessWriter& access,
           const protocol::Head& head);
    ~Expiry();
    Expiry(const Expiry&) = delete;
    Expiry& operator=(const Expiry&) = delete;

    // The app has let go of an expired request after all.
    void come_back() noexcept;

private:
    friend class ExpirySignal;
    static void handle(int number, siginfo_t* info, void* context) noexcept;
    void judge(int value) noexcept;
    void log_answer(int status) noexcept;
    void report() noexcept;
    [[nodiscard]] bool is_nobody_left() const noexcept;

    Shared& shared_;
    common::scoreboard::ThreadSlot& slot_;
    Meter& meter_;
    ResponseSink& sink_;
    AccessWriter& access_;
    const protocol::Head& head_;
    SignalStack stack_;
    ResponseSink::ExpiryText text_;
    bool held_lock_ = false;              // when it expired
};

// The handler, while one exists. At most one does in a process.
class ExpirySignal {
public:
    ExpirySignal() noexcept;
    ~ExpirySignal();
    ExpirySignal(const ExpirySignal&) = delete;
    ExpirySignal& operator=(const ExpirySignal&) = delete;

private:
    struct sigaction before_ {};
};

}  // namespace vassal::worker
