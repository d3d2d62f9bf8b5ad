// SPDX-License-Identifier: Apache-2.0
// Whose threads cannot accept the connection that the kernel woke them for, because something in their process holds the
// interpreter lock. The kernel wakes nobody else for it; the master pokes the siblings. Pure but for reading the
// scoreboard; owned by Master, looked with every tick.
#pragma once

#include <array>
#include <map>

#include "common/scoreboard/layout.h"

namespace vassal::master {

class LockWatch {
public:
    // Whether a thread of this process sits in the same wait as at the last look: for a tick at least.
    [[nodiscard]] bool look(const common::scoreboard::WorkerSlot& worker);

private:
    using Waits = std::array<std::uint32_t, common::scoreboard::max_threads>;
    std::map<const common::scoreboard::WorkerSlot*, Waits> last_;  // one for each place on the board at most
};

}  // namespace vassal::master
