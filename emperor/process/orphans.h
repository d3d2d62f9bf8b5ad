// SPDX-License-Identifier: Apache-2.0
// Workers whose master died: they see end of file on their link, finish what they accepted and end by themselves. Who is
// still there when the drain time is over is killed. Every master leads a session, and the kernel does not reuse a number
// that names a session or group with members: they are found by it for as long as they live, children of ours or not.
// Owned by the fleet.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "emperor/process/timer.h"

namespace emperor::process {

// Living members of the session that this process led (it is dead, or its number is somebody else's by now: then none).
[[nodiscard]] std::vector<pid_t> orphans_of(pid_t dead_leader);

// Whether one of them is a process of `program` (a file name). A record may be older than the machine's last start, and
// the number that of somebody else's session.
[[nodiscard]] bool has_orphan_that_runs(const std::string& program, pid_t dead_leader);

class Orphans {
public:
    // `on_empty` is called whenever the last one is gone.
    Orphans(boost::asio::io_context& io, std::function<void()> on_empty);

    struct Group {
        pid_t leader;
        bool is_child;
        common::TimePoint deadline;
    };

    // `is_child`: the leader was our child, so its orphans fell to us. False, and nothing happens, when it left none.
    bool add(pid_t leader, bool is_child, common::TimePoint deadline);

    // Kills what is left now (a fast shutdown).
    void kill_all();

    [[nodiscard]] bool empty() const noexcept { return groups_.empty(); }
    [[nodiscard]] const std::vector<Group>& groups() const noexcept { return groups_; }

private:
    void arm();
    void look();

    Timer timer_;
    std::function<void()> on_empty_;
    std::vector<Group> groups_;
    bool is_armed_ = false;
};

}  // namespace emperor::process
