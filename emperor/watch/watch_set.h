// SPDX-License-Identifier: Apache-2.0
// The inotify descriptor and what is watched by it: the directories, the parents of those that are missing or reached
// through a link, and files behind links. Owned by the Watcher, which waits until it is readable; it never waits itself
// and knows no event loop. Without inotify it watches nothing and reports every directory as missing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.h"

namespace emperor::watch {

class WatchSet {
public:
    explicit WatchSet(std::vector<std::string> directories);

    // -1: no inotify (out of instances, say); why_not() says why.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] const std::string& why_not() const noexcept { return why_not_; }

    // Watches what can be watched and is not yet; true when that changed something: what lies there is worth a look.
    [[nodiscard]] bool refresh();

    // Replaces the paths that are watched besides the directories; true when there is a new one among them.
    [[nodiscard]] bool watch_targets(const std::vector<std::string>& paths);

    // Reads everything that is queued; true when any of it is of interest (an overflow is).
    [[nodiscard]] bool read_events();

    [[nodiscard]] std::vector<std::string> missing() const;

private:
    struct Directory {
        std::string path;
        int watch = -1;    // of what the path leads to; -1: missing
        int parent = -1;   // while missing, or when the path is a link that may be switched
        dev_t device = 0;  // what `watch` watches
        ino_t inode = 0;
    };

    [[nodiscard]] bool refresh(Directory& directory);
    void watch_parent(Directory& directory);
    void add_target(const std::string& path, std::vector<int>& watches);
    void drop(int& watch);
    [[nodiscard]] bool is_used(int watch) const;
    [[nodiscard]] bool on_event(int watch, std::uint32_t mask, std::string_view name);

    common::UniqueFd fd_;
    std::string why_not_;
    std::vector<Directory> directories_;
    std::vector<int> targets_;  // sorted
};

}  // namespace emperor::watch
