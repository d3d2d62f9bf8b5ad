// SPDX-License-Identifier: Apache-2.0
// How long to wait before the next attempt: `initial`, doubling up to `max`, each ± 20 % so that vassals which fell
// together do not rise together; never longer than `max`. reset() starts over. Pure: the randomness is seeded.
#pragma once

#include <random>

#include "common/base/clock.h"

namespace emperor::supervise {

class Backoff {
public:
    explicit Backoff(std::uint32_t jitter_seed) : random_(jitter_seed) {}

    // The bounds may differ from call to call (the configuration may have changed). An `initial` below 10 ms is taken
    // as 10 ms: a crash loop must not become a busy loop.
    [[nodiscard]] common::Duration next(common::Duration initial, common::Duration max);

    void reset() noexcept { doublings_ = 0; }

private:
    std::minstd_rand random_;
    unsigned doublings_ = 0;
};

}  // namespace emperor::supervise
