// SPDX-License-Identifier: Apache-2.0
// Hot path. One thread of a worker: waits on the shared reactor, accepts, drives connections, obeys the master's orders
// and ends connections whose deadline has passed. Runs in the thread that calls run().
#pragma once

#include <cstddef>

#include "vassal/worker/conversation.h"
#include "vassal/worker/shared.h"

namespace vassal::worker {

class ServingThread {
public:
    ServingThread(Shared& shared, std::size_t index);

    // Returns when the gate is finished. The interpreter lock is held on entry and on return.
    void run();

private:
    void handle(std::uint64_t token);
    // Accepts one connection and drives it. False: nobody waits, or nothing more may come in.
    bool accept_one(std::size_t listener);
    void accept_after_event(std::size_t listener);
    // The same with a place that is reserved already; it is given back when nobody waits.
    bool accept_reserved(std::size_t listener);
    void adopt(std::size_t listener, common::UniqueFd fd);
    void accept_failed(int error);
    void take_lock_to_accept();
    void obey();
    void drain(std::int64_t patience_us);  // zero: timeouts.drain
    void accept_the_rest();
    void sweep();

    Shared& shared_;
    InterpreterLock lock_;
    common::scoreboard::ThreadSlot& slot_;
    Conversation conversation_;
    bool is_bursting_ = false;  // the last try to accept without an event found somebody
    unsigned accept_events_ = 0;
    std::int64_t next_accept_note_us_ = 0;
};

}  // namespace vassal::worker
