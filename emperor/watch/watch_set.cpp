// SPDX-License-Identifier: Apache-2.0
#include "emperor/watch/watch_set.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace emperor::watch {

namespace {

// IN_MODIFY prolongs the settling while somebody still writes; IN_ATTRIB is what touch does, also to a link.
constexpr std::uint32_t directory_mask = IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE |
                                         IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t parent_mask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;
constexpr std::uint32_t target_mask = IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t target_directory_mask = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;  // not what lies in it

// "/etc/apps.d/" has no last component to lstat or to look for in the parent.
std::string without_slashes(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
}

bool is_link(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

}  // namespace

WatchSet::WatchSet(std::vector<std::string> directories) : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    if (!fd_) why_not_ = std::string("inotify: ") + std::strerror(errno);
    for (std::string& path : directories) directories_.push_back({.path = without_slashes(std::move(path))});
}

bool WatchSet::refresh() {
    bool has_changed = false;
    for (Directory& directory : directories_) has_changed |= refresh(directory);
    return has_changed;
}

bool WatchSet::refresh(Directory& directory) {
    struct stat status {};
    const bool exists = ::stat(directory.path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    if (exists && directory.watch >= 0 && status.st_dev == directory.device && status.st_ino == directory.inode)
        return false;
    const bool was_watched = directory.watch >= 0;
    drop(directory.watch);
    watch_parent(directory);
    if (!exists || !fd_) return was_watched;
    directory.watch = ::inotify_add_watch(fd_.get(), directory.path.c_str(), directory_mask);
    directory.device = status.st_dev;
    directory.inode = status.st_ino;
    if (directory.watch < 0) return was_watched;
    if (!is_link(directory.path)) drop(directory.parent);
    return true;
}

// The directory itself cannot tell that it comes back, or that the link to it is switched. Added before the directory
// is looked for, so that nothing falls between.
void WatchSet::watch_parent(Directory& directory) {
    if (!fd_ || directory.parent >= 0) return;
    const std::filesystem::path parent = std::filesystem::path(directory.path).parent_path();
    directory.parent = ::inotify_add_watch(fd_.get(), parent.empty() ? "." : parent.c_str(), parent_mask | IN_MASK_ADD);
}

// A link and what it leads to; of what is not there, the directory in which it may appear.
void WatchSet::add_target(const std::string& path, std::vector<int>& watches) {
    const auto add = [&](const std::string& what, std::uint32_t mask) {
        const int watch = fd_ ? ::inotify_add_watch(fd_.get(), what.c_str(), mask | IN_MASK_ADD) : -1;
        if (watch >= 0) watches.push_back(watch);
    };
    struct stat status {};
    if (is_link(path)) add(path, target_mask | IN_DONT_FOLLOW);
    if (::stat(path.c_str(), &status) == 0)
        add(path, S_ISDIR(status.st_mode) ? target_directory_mask : target_mask);
    else if (!is_link(path))
        add(std::filesystem::path(path).parent_path().string(), parent_mask);
}

bool WatchSet::watch_targets(const std::vector<std::string>& paths) {
    std::vector<int> now;
    for (const std::string& path : paths) add_target(path, now);
    std::sort(now.begin(), now.end());
    now.erase(std::unique(now.begin(), now.end()), now.end());
    const bool has_new = !std::includes(targets_.begin(), targets_.end(), now.begin(), now.end());
    std::vector<int> old = std::exchange(targets_, std::move(now));
    for (int& watch : old) drop(watch);
    return has_new;
}

// Two paths may lead to one inode, which has one watch.
void WatchSet::drop(int& watch) {
    const int dropped = std::exchange(watch, -1);
    if (dropped >= 0 && !is_used(dropped)) ::inotify_rm_watch(fd_.get(), dropped);
}

bool WatchSet::is_used(int watch) const {
    return std::binary_search(targets_.begin(), targets_.end(), watch) ||
           std::any_of(directories_.begin(), directories_.end(), [&](const Directory& directory) {
               return directory.watch == watch || directory.parent == watch;
           });
}

bool WatchSet::read_events() {
    alignas(inotify_event) std::array<char, 64 * 1024> buffer;
    bool is_dirty = false;
    // Bounded: under a storm of events the rest is read in the loop's next turn.
    for (int turns = 0; turns < 16; ++turns) {
        const ssize_t size = ::read(fd_.get(), buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
        for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
            const std::string_view name = event->len > 0 ? event->name : "";
            is_dirty |= on_event(event->wd, event->mask, name);
            at += sizeof(inotify_event) + event->len;
        }
    }
    return is_dirty;
}

bool WatchSet::on_event(int watch, std::uint32_t mask, std::string_view name) {
    if ((mask & IN_Q_OVERFLOW) != 0) return true;
    bool is_dirty = false;
    for (Directory& directory : directories_) {
        if (directory.parent == watch) is_dirty |= name == std::filesystem::path(directory.path).filename().native();
        if (directory.watch != watch) continue;
        // Files beginning with a dot are editors' and rsync's temporary ones.
        if (name.empty() || !name.starts_with('.')) is_dirty = true;
        if ((mask & (IN_MOVE_SELF | IN_DELETE_SELF | IN_UNMOUNT)) != 0) drop(directory.watch);
        if ((mask & IN_IGNORED) != 0) directory.watch = -1;
    }
    for (Directory& directory : directories_)
        if (directory.parent == watch && (mask & IN_IGNORED) != 0) directory.parent = -1;
    if (std::binary_search(targets_.begin(), targets_.end(), watch)) {
        is_dirty = true;
        if ((mask & IN_IGNORED) != 0) std::erase(targets_, watch);
    }
    return is_dirty;
}

std::vector<std::string> WatchSet::missing() const {
    std::vector<std::string> paths;
    for (const Directory& directory : directories_)
        if (directory.watch < 0) paths.push_back(directory.path);
    return paths;
}

}  // namespace emperor::watch
