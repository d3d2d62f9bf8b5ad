// SPDX-License-Identifier: Apache-2.0
// The clocks. Supervision uses the monotonic one; wall time is only shown, logged and stored.
#pragma once

#include <chrono>

namespace common {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;
using WallTime = std::chrono::system_clock::time_point;

}  // namespace common
