// SPDX-License-Identifier: Apache-2.0
// Reaps the children that no Child watches: orphans that fell to the emperor as child subreaper or as PID 1 (workers of a
// master that died, helpers of apps). Never takes the status of a process that somebody waits for by pidfd.
// Owned by the fleet.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <memory>

#include "emperor/process/timer.h"

namespace emperor::process {

class Reaper {
public:
    // `on_orphan` hears of every orphan that was reaped.
    Reaper(boost::asio::io_context& io, std::function<void(pid_t)> on_orphan);

    // Makes this process the one that orphaned descendants fall to.
    static bool become_subreaper() noexcept;

    ~Reaper() { *is_alive_ = false; }
    Reaper(const Reaper&) = delete;
    Reaper& operator=(const Reaper&) = delete;

    void cancel();

private:
    void wait();
    void reap();
    bool reap_until_watched();
    void reap_all();

    boost::asio::signal_set signals_;
    Timer timer_;
    bool is_armed_ = false;
    std::function<void(pid_t)> on_orphan_;
    // Second owner: the handler, which may be queued with a signal when this object ends.
    std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
};

}  // namespace emperor::process
