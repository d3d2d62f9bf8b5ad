// SPDX-License-Identifier: Apache-2.0
#include "emperor/watch/watched_path.h"

#include <sys/stat.h>

namespace emperor::watch {

namespace {

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

FileStamp stamp_of(const std::string& path) {
    FileStamp stamp;
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return stamp;
    if (S_ISLNK(status.st_mode)) {
        stamp.link_inode = status.st_ino;
        stamp.link_mtime_ns = nanoseconds(status.st_mtim);
        if (::stat(path.c_str(), &status) != 0) return stamp;
    }
    stamp.inode = status.st_ino;
    if (S_ISDIR(status.st_mode)) return stamp;
    stamp.mtime_ns = nanoseconds(status.st_mtim);
    stamp.size = status.st_size;
    return stamp;
}

WatchedStamps stamps_of(const std::vector<std::string>& paths) {
    WatchedStamps stamps;
    for (const std::string& path : paths) stamps.emplace(path, stamp_of(path));
    return stamps;
}

}  // namespace emperor::watch
