// SPDX-License-Identifier: Apache-2.0
// workers: {min, max}: how many workers a generation should have. Pure; owned and fed by Master on its ticks, never looks
// at a clock or a worker.
//
// Up, fast: when every thread was in a request in 4 looks in a row (200 ms), or clients waited in the listen queue in 3,
//     there is one more worker, or as many as the waiting clients can use, but at most twice as many as before. Nothing is
//     added while a newcomer is still starting.
// Down, slowly: after 10 s in which nobody waited and the busiest moment would have kept three quarters of one worker
//     fewer busy at most, there is one fewer. Below what makes it grow by that quarter, so that it does not flap.
#pragma once

#include "common/base/clock.h"

namespace vassal::master {

using common::Duration;
using common::TimePoint;

struct ScalingOptions {
    int least = 1, most = 1;  // workers
    int threads = 1;          // of each
    int busy_looks = 4, waiting_looks = 3;
    Duration quiet = std::chrono::seconds(10);
};

struct Load {
    int busy = 0;          // threads that are in a request
    int serving = 0;       // workers that accept
    int coming = 0;        // workers that are wanted and do not serve yet
    unsigned waiting = 0;  // clients in the listen queues
};

class Scaling {
public:
    explicit Scaling(const ScalingOptions& options) noexcept;

    // Other bounds, and how many there are now.
    void use(const ScalingOptions& options, int wanted, TimePoint now) noexcept;
    // The number of workers wanted from now on.
    [[nodiscard]] int on(const Load& load, TimePoint now);
    // When on() is due though nothing happens; max(): not before there is load.
    [[nodiscard]] TimePoint deadline() const noexcept;

private:
    [[nodiscard]] bool must_grow(const Load& load);
    [[nodiscard]] bool may_shrink(const Load& load, TimePoint now);
    void look_anew(TimePoint now) noexcept;

    ScalingOptions options_;
    int wanted_;
    int busy_looks_ = 0, waiting_looks_ = 0;  // in a row
    TimePoint quiet_since_{};
    int peak_ = 0;  // busy threads since then
};

}  // namespace vassal::master
