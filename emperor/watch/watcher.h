// SPDX-License-Identifier: Apache-2.0
// Says when the vassal directories deserve a rescan: inotify on each directory, on the files behind symbolic links, and
// a periodic look in case both missed something. Owned by the fleet; lives in its event loop. It never says what
// changed: events only mean "dirty" (DESIGN law 5), and a burst of them ends in one callback (settle.h).
//
// A directory may be missing, replaced, unmounted or a link that is switched: its watch is added again as soon as it is
// back (at once through its parent directory, at the latest after `missing_rescan`). A queue overflow is just dirt.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace boost::asio {
class io_context;
}

namespace emperor::watch {

struct WatcherOptions {
    common::Duration quiet = std::chrono::milliseconds(100);
    common::Duration most = std::chrono::seconds(1);
    common::Duration rescan = std::chrono::seconds(30);  // after the last look, in case inotify missed something (NFS); longer,
    int rescan_share = 3000;  // up to two minutes, where a look takes more than this part of it
    common::Duration missing_rescan = std::chrono::seconds(1);  // while a directory is missing
};

class Watcher {
public:
    // `on_settled` runs from the event loop, never from inside a call of this class.
    Watcher(boost::asio::io_context& io, std::vector<std::string> directories, std::function<void()> on_settled,
            const WatcherOptions& options = {});
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    // Adds the watches. Scan once yourself after it: what changes from now on is seen. Without inotify (no instances
    // left) it warns once and rescans every `missing_rescan`.
    void start();

    // The files behind symbolic links (Scan::link_targets); replaces the former ones. Call it after every scan.
    void watch_targets(const std::vector<std::string>& paths);

    // One more `on_settled` in `delay` (Scan::rescan_after) or after the usual settling (SIGHUP, `emperorctl rescan`).
    void rescan_after(common::Duration delay);
    void mark_dirty();

    // Of the last `on_settled`: the changes went on, it was just time for a look.
    [[nodiscard]] bool is_in_a_burst() const;

    // The directories that cannot be watched now.
    [[nodiscard]] std::vector<std::string> missing() const;

private:
    class Loop;
    std::shared_ptr<Loop> loop_;  // second owner: pending asynchronous operations, until they are cancelled
};

}  // namespace emperor::watch
