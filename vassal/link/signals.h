// SPDX-License-Identifier: Apache-2.0
// Signals to single threads of workers, mostly the master's. Beside worker_messages.h because a thread that hangs in the
// app reads no messages.
#pragma once

#include <csignal>
#include <cstdint>

namespace vassal::link {

// The request that this thread sits in is over its time. Sent with rt_tgsigqueueinfo to ThreadSlot::thread_id; its
// value is timeout_value() of the request that was judged, so that a later request of the same thread is spared.
// Real-time, because it carries a value and queues; an app hardly uses it (glibc keeps the first two for itself).
[[nodiscard]] inline int request_timeout_signal() noexcept { return SIGRTMIN + 2; }

// The kernel's word that the parent died; see worker/orphan_guard.h.
[[nodiscard]] inline int orphan_signal() noexcept { return SIGRTMIN + 3; }

// The request that this thread sits in is slow (`log.slow`): it says where it is. Likewise.
[[nodiscard]] inline int slow_request_signal() noexcept { return SIGRTMIN + 5; }

// A worker's own, from its timer: `health.timeout` has passed (vassal/worker/health_check.h).
[[nodiscard]] inline int health_timeout_signal() noexcept { return SIGRTMIN + 4; }

// The low 31 bits of ThreadSlot::request_sequence: an int that is never negative.
[[nodiscard]] constexpr int timeout_value(std::uint64_t request_sequence) noexcept {
    return static_cast<int>(request_sequence & 0x7fff'ffff);
}

}  // namespace vassal::link
