// SPDX-License-Identifier: Apache-2.0
// Workers whose master died: they see end of file on their link, finish what they accepted and end by themselves. Who is
// still there when the drain time is over is killed. Every master leads a session, and the kernel does not reuse a number
// that names a session or group with members: they are found by it for as long as they live, children of ours or not.
// Owned by the fleet.
//
// That a dead master left nobody, as nearly all do, takes a walk over /proc to know for sure: a process may have left the
// group, not the session. When a thousand end at once one walk serves for all of them; until then they count as not empty.
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
    struct Group {
        pid_t leader;
        bool is_child;
        common::TimePoint deadline;
    };

    // `on_change` is called when the last one is gone, and when a walk has found more.
    Orphans(boost::asio::io_context& io, std::function<void()> on_change);

    // `is_child`: the leader was our child, so its orphans fell to us. True: it left some. False: none, as it seems; a
    // moment later that is certain.
    bool add(pid_t leader, bool is_child, common::TimePoint deadline);

    // Kills what is left now (a fast shutdown).
    void kill_all();

    [[nodiscard]] bool empty() const noexcept { return groups_.empty() && unchecked_.empty(); }
    [[nodiscard]] const std::vector<Group>& groups() const noexcept { return groups_; }

private:
    void arm();
    void look();
    void check();

    Timer timer_;
    Timer check_timer_;
    std::function<void()> on_change_;
    std::vector<Group> groups_;
    std::vector<Group> unchecked_;  // nobody in the group; whether in the session is not known yet
    bool is_armed_ = false;
    bool is_check_armed_ = false;
};

}  // namespace emperor::process
