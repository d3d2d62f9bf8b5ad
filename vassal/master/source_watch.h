// SPDX-License-Identifier: Apache-2.0
// Tells that files of the app's code have changed (`autoreload`): inotify on their directories, read when there is
// something to read. A burst of changes is told once, after 100 ms of quiet or a second at most. Owned by Master.
//
// A directory that is removed or moved away (git does that) is looked for again once a second for a minute; its return
// counts as a change. Files that are deleted and stay away do not: there is nothing to load.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "vassal/master/source_set.h"

namespace vassal::master {

class SourceWatch {
public:
    // Paths, at least one; sorted.
    using OnChange = std::function<void(const std::vector<std::string>&)>;

    SourceWatch(boost::asio::io_context& io, OnChange on_change);
    SourceWatch(const SourceWatch&) = delete;
    SourceWatch& operator=(const SourceWatch&) = delete;

    // inotify may be exhausted.
    [[nodiscard]] common::Result<void> open();
    // Files that were told before cost nothing. One that was written after `since` changed before it was watched. An error:
    // what cannot be watched, told once for each reason.
    [[nodiscard]] common::Result<void> add(std::span<const std::string> files, common::WallTime since);

private:
    [[nodiscard]] common::Result<void> watch(const std::string& directory);
    void wait();
    void read_events();
    void on_event(int watch, std::uint32_t mask, std::string_view name);
    void look_for_lost();
    void changed(std::string path);
    void tell();

    OnChange on_change_;
    boost::asio::posix::stream_descriptor inotify_;
    boost::asio::steady_timer settle_timer_;
    boost::asio::steady_timer lost_timer_;
    SourceSet set_;
    std::map<int, std::set<std::string>> directories_;  // by watch; two paths may lead to one directory
    std::set<std::string> lost_;
    int looks_left_ = 0;
    std::set<std::string> changed_;
    common::TimePoint first_change_{};
    bool has_said_full_ = false, has_said_failure_ = false;
};

}  // namespace vassal::master
