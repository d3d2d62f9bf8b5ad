// SPDX-License-Identifier: Apache-2.0
#include "emperor/supervise/backoff.h"

#include <algorithm>

namespace emperor::supervise {

using common::Duration;

Duration Backoff::next(Duration initial, Duration max) {
    const Duration least = std::max<Duration>(initial, std::chrono::milliseconds(10));
    const Duration most = std::max(max, least);
    Duration delay = least;
    for (unsigned i = 0; i < doublings_ && delay < most; ++i) delay = std::min(delay * 2, most);
    if (delay < most) ++doublings_;
    const double factor = std::uniform_real_distribution<double>(0.8, 1.2)(random_);
    const auto jittered = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(delay) * factor);
    return std::min(jittered, most);
}

}  // namespace emperor::supervise
