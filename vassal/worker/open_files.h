// SPDX-License-Identifier: Apache-2.0
// The worker's own limit of open files. The emperor hands its children the limit it was started with, usually 1024,
// and connections beyond it would stop all others from being accepted.
#pragma once

#include <cstdint>

namespace vassal::worker {

// Raises the soft limit where `connections` and what an app has open do not fit; never above the hard one, which is
// then said in the log.
void allow_connections(std::uint32_t connections) noexcept;

}  // namespace vassal::worker
