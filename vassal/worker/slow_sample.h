// SPDX-License-Identifier: Apache-2.0
// log.slow on the worker's side, for one thread. The master sees a request that has run for long and sends this thread
// link::slow_request_signal(); its handler writes one line with the Python stack as it is at that moment, whether the
// thread sits in Python, in C, or in C with the interpreter lock held. Nothing is ended, and the request goes on; its end
// is one more line. Nothing here is on the path of a request that is not slow.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>

#include "vassal/worker/response.h"
#include "vassal/worker/shared.h"

namespace vassal::worker {

// Made and destroyed in its thread.
class SlowSample {
public:
    SlowSample(Shared& shared, common::scoreboard::ThreadSlot& slot, const ResponseSink& sink) noexcept;
    ~SlowSample();
    SlowSample(const SlowSample&) = delete;
    SlowSample& operator=(const SlowSample&) = delete;

    // Of the request that has just ended.
    [[nodiscard]] bool was_taken() const noexcept { return was_taken_.load(std::memory_order_relaxed); }
    void forget() noexcept { was_taken_.store(false, std::memory_order_relaxed); }
    void tell_end(std::string_view request_id, int status, std::int64_t busy_us) noexcept;

private:
    friend class SlowSignal;
    static void handle(int number, siginfo_t* info, void* context) noexcept;
    void take(int value) noexcept;

    Shared& shared_;
    common::scoreboard::ThreadSlot& slot_;
    const ResponseSink& sink_;
    std::atomic<bool> was_taken_{false};
};

// The handler, while one exists: also where log.slow is off, for the master may hear of it first. At most one in a process.
class SlowSignal {
public:
    explicit SlowSignal(const Shared& shared) noexcept;
    ~SlowSignal();
    SlowSignal(const SlowSignal&) = delete;
    SlowSignal& operator=(const SlowSignal&) = delete;
};

}  // namespace vassal::worker
