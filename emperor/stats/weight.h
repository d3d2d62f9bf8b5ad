// SPDX-License-Identifier: Apache-2.0
// How much of a load balancer's traffic a vassal should get, 0 to 100. Pure; one per vassal, told of its counters now
// and then by whoever wants the figure. docs/stats.md has the formula for operators:
//
//     idle   = 1 − busy time ÷ (threads × time), between two looks; requests in flight count as far as they are
//     ease   = 50 ms ÷ (50 ms + mean queue time of the requests in between)
//     room   = threads ÷ (threads + clients in the listen queue)
//     weight = 100 × idle × ease × room, at least 1 while it serves, 0 while it does not
//
// smoothed over 5 s, so that one slow request does not empty a server; a vassal that stops serving is at 0 at once, and
// one that begins to serve starts with what it has.
#pragma once

#include <cstdint>

#include "common/base/clock.h"

namespace emperor::stats {

class Weight {
public:
    struct Look {
        bool is_serving = false;
        int threads = 0;                 // of workers that serve
        std::int64_t busy_us = 0;        // of ended requests, and so far of those in flight
        std::uint64_t queue_sum_us = 0;  // queue times since the vassal began
        std::uint64_t queue_count = 0;
        std::int64_t waiting = 0;  // clients in the listen queue
    };

    // Looks in the same half second change nothing: the figures of so short a time mean little.
    int on(const Look& look, common::TimePoint now) noexcept;

    [[nodiscard]] int percent() const noexcept;
    // Of the time between the last two looks, smoothed alike; 0…100.
    [[nodiscard]] int utilization() const noexcept;

private:
    bool is_known_ = false;
    common::TimePoint last_at_{};
    Look last_;
    double weight_ = 0;  // 0…1
    double busy_ = 0;
};

}  // namespace emperor::stats
