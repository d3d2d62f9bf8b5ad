// SPDX-License-Identifier: Apache-2.0
#include "emperor/watch/file_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

namespace emperor::watch {

namespace {

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

void note_target(OpenedFile& file, const struct stat& status) {
    file.is_regular = S_ISREG(status.st_mode);
    file.is_directory = S_ISDIR(status.st_mode);
    file.stamp.inode = status.st_ino;
    file.stamp.mtime_ns = nanoseconds(status.st_mtim);
    file.stamp.size = status.st_size;
    file.ctime_ns = nanoseconds(status.st_ctim);
    file.mode = status.st_mode;
    file.uid = status.st_uid;
    file.gid = status.st_gid;
}

std::string path_of(int fd) {
    std::array<char, PATH_MAX> buffer{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t size = ::readlink(link.c_str(), buffer.data(), buffer.size());
    return size <= 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(size));
}

std::string message_of(int error, bool is_link) {
    if (is_link && error == ENOENT) return "the symbolic link points to nothing (create its target or remove the link)";
    return std::string("cannot be read: ") + std::strerror(error);
}

}  // namespace

bool is_as_before(int directory_fd, const std::string& entry, const FileStamp& stamp, std::int64_t ctime_ns) {
    struct stat status {};
    if (stamp.link_inode != 0 || ::fstatat(directory_fd, entry.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
    return S_ISREG(status.st_mode) && status.st_ino == stamp.inode && nanoseconds(status.st_mtim) == stamp.mtime_ns &&
           status.st_size == stamp.size && nanoseconds(status.st_ctim) == ctime_ns;
}

OpenedFile open_entry(int directory_fd, const std::string& entry) {
    OpenedFile file;
    struct stat status {};
    if (::fstatat(directory_fd, entry.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        file.is_gone = errno == ENOENT;
        file.problem = message_of(errno, false);
        return file;
    }
    file.is_link = S_ISLNK(status.st_mode);
    if (file.is_link) {
        file.link_uid = status.st_uid;
        file.stamp.link_inode = status.st_ino;
        file.stamp.link_mtime_ns = nanoseconds(status.st_mtim);
    }
    // A handle on whatever it is, without opening it: that could block (FIFO) or set something off (device). From here
    // on only the handle counts, the name may mean another file by now.
    const common::UniqueFd handle(::openat(directory_fd, entry.c_str(), O_PATH | O_CLOEXEC));
    if (!handle || ::fstat(handle.get(), &status) != 0) {
        file.is_gone = errno == ENOENT && !file.is_link;
        file.problem = message_of(errno, file.is_link);
        return file;
    }
    note_target(file, status);
    if (file.is_link) file.real_path = path_of(handle.get());
    if (!file.is_regular) return file;
    const std::string reopen = "/proc/self/fd/" + std::to_string(handle.get());
    file.fd.reset(::open(reopen.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!file.fd) file.problem = message_of(errno, false);
    return file;
}

std::vector<std::string> check_file(const OpenedFile& file, uid_t process_uid, bool is_defaults) {
    if (!file.problem.empty()) return {file.problem};
    if (file.is_directory) return {"is a directory, not a file (rename or remove it)"};
    if (!file.is_regular) return {"is not a regular file (remove it)"};
    std::vector<std::string> findings;
    if (file.stamp.size > Scanner::max_file_size)
        findings.emplace_back("is larger than 1 MiB, which no configuration is");
    if ((file.mode & S_IWOTH) != 0) findings.emplace_back("anybody may write this file (chmod o-w)");
    if ((file.mode & S_IWGRP) != 0) findings.emplace_back("its whole group may write this file (chmod g-w)");
    if (file.is_link && file.link_uid != 0 && file.link_uid != file.uid)
        findings.push_back("the symbolic link belongs to uid " + std::to_string(file.link_uid) +
                           ", its target to uid " + std::to_string(file.uid) +
                           " (the link must be root's or of the target's owner)");
    if (is_defaults && process_uid == 0 && file.uid != 0)
        findings.push_back("the defaults of all vassals must belong to root, not to uid " + std::to_string(file.uid) +
                           " (chown root)");
    return findings;
}

common::Result<std::string> read_all(int fd, std::int64_t limit) {
    std::string text;
    std::array<char, 16 * 1024> buffer{};
    for (;;) {
        const ssize_t size = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return common::system_error("cannot be read");
        if (size == 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(size));
        if (static_cast<std::int64_t>(text.size()) > limit)
            return common::failure("is larger than 1 MiB, which no configuration is");
    }
}

}  // namespace emperor::watch
