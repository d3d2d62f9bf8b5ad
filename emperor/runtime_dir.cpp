// SPDX-License-Identifier: Apache-2.0
#include "emperor/runtime_dir.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include "emperor/process/unix_listener.h"

namespace emperor {

using common::Result;
using common::UniqueFd;

namespace {

// A killed emperor holds his lock until the kernel is done with him: some milliseconds, more with much memory.
constexpr auto patience = std::chrono::seconds(1);
constexpr auto pause = std::chrono::milliseconds(10);

constexpr const char* inner_directories[] = {"sockets", "stats", "by-host", "vassals"};

Result<void> make_directory(const std::string& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) == 0) {
        if (::chmod(path.c_str(), mode) != 0) return common::system_error("set mode of " + path);
        return {};
    }
    if (errno != EEXIST) return common::system_error("create " + path);
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return common::system_error("look at " + path);
    if (!S_ISDIR(found.st_mode)) return common::failure(path + " is not a directory");
    if (found.st_uid != ::geteuid())
        return common::failure(path + " belongs to uid " + std::to_string(found.st_uid) + ": refusing to use it");
    if ((found.st_mode & 022) != 0) return common::failure(path + " is writable by others: refusing to use it");
    return {};
}

std::string holder_of(int lock) {
    char text[32] = {};
    const ssize_t got = ::pread(lock, text, sizeof text - 1, 0);
    std::string pid(text, got > 0 ? static_cast<std::size_t>(got) : 0);
    pid.erase(pid.find_last_not_of(" \n") + 1);
    return pid.empty() ? "unknown" : pid;
}

// The file may be removed by its holder between our open and our flock: then the lock is of a file that nobody else
// will ever see, and we try again.
Result<UniqueFd> take_lock(const std::string& directory) {
    const std::string path = directory + "/emperor.lock";
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (true) {
        const bool is_last = std::chrono::steady_clock::now() >= deadline;
        UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
        if (!file) return common::system_error("open " + path);
        if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK) return common::system_error("lock " + path);
            if (is_last)
                return common::failure("another emperor (pid " + holder_of(file.get()) + ") runs on " + directory);
            std::this_thread::sleep_for(pause);
            continue;
        }
        struct stat ours {}, there {};
        if (::fstat(file.get(), &ours) != 0 || ::stat(path.c_str(), &there) != 0 || ours.st_ino != there.st_ino) {
            if (is_last) return common::failure("lock " + path + ": it is replaced all the time");
            continue;
        }
        const std::string pid = std::to_string(::getpid()) + "\n";
        if (::ftruncate(file.get(), 0) != 0 || ::pwrite(file.get(), pid.data(), pid.size(), 0) < 0)
            return common::system_error("write " + path);
        return file;
    }
}

Result<UniqueFd> make_and_lock(const std::string& path) {
    const mode_t outer = ::geteuid() == 0 ? 0755 : 0700;
    if (const auto made = make_directory(path, outer); !made) return made.error();
    auto lock = take_lock(path);
    if (!lock) return lock.error();
    for (const std::string name : inner_directories) {
        if (const auto made = make_directory(path + "/" + name, name == "vassals" ? 0700 : 0755); !made) return made.error();
    }
    return lock;
}

// The directory is the emperor's own: what lies in it was made by him or by an emperor before him.
void remove_dead_sockets_in(const std::string& directory) noexcept {
    std::error_code code;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator item(directory, code), end; !code && item != end; item.increment(code)) {
        std::error_code ignored;
        if (std::filesystem::is_socket(item->symlink_status(ignored))) names.push_back(item->path().filename().string());
    }
    const UniqueFd place(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (const std::string& name : names) {
        const auto in_use = process::is_listened_on(place.get(), name, directory + "/" + name);
        if (in_use && !*in_use) ::unlinkat(place.get(), name.c_str(), 0);
    }
}

}  // namespace

std::string RuntimeDir::default_path() {
    if (::geteuid() == 0) return "/run/emperor";
    if (const char* base = ::getenv("XDG_RUNTIME_DIR"); base && *base == '/') return std::string(base) + "/emperor";
    return "/tmp/emperor-" + std::to_string(::geteuid());
}

Result<RuntimeDir> RuntimeDir::open(const std::string& path) {
    auto lock = make_and_lock(path);
    if (!lock) return lock.error();
    // Of vassals that went while no emperor was there: nobody else would remove them.
    remove_dead_sockets_in(path + "/stats");
    return RuntimeDir(path, std::move(*lock));
}

bool RuntimeDir::is_reachable_by_web_server() const {
    const passwd* user = ::getpwnam("www-data");
    if (!user || user->pw_uid == ::geteuid()) return true;
    const uid_t uid = user->pw_uid;
    const gid_t gid = user->pw_gid;
    for (std::string part = path_; !part.empty(); part = part.substr(0, part.rfind('/'))) {
        struct stat found {};
        if (::stat(part.c_str(), &found) != 0) return false;
        const mode_t needed = found.st_uid == uid ? S_IXUSR : found.st_gid == gid ? S_IXGRP : S_IXOTH;
        if ((found.st_mode & needed) == 0) return false;
    }
    return true;
}

bool RuntimeDir::is_in_place() const noexcept {
    struct stat ours {}, there {};
    return ::fstat(lock_.get(), &ours) == 0 && ::stat((path_ + "/emperor.lock").c_str(), &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

Result<void> RuntimeDir::restore() {
    auto lock = make_and_lock(path_);
    if (!lock) return lock.error();
    lock_ = std::move(*lock);
    return {};
}

void RuntimeDir::remove_dead_sockets() noexcept {
    for (const char* name : {"sockets", "stats"}) remove_dead_sockets_in(path_ + "/" + name);
}

void RuntimeDir::clean_up() noexcept {
    for (const char* name : inner_directories) ::rmdir((path_ + "/" + name).c_str());
    if (lock_) ::unlink((path_ + "/emperor.lock").c_str());  // while it is locked: see take_lock
    lock_.reset();
}

}  // namespace emperor
