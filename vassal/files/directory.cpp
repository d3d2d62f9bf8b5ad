// SPDX-License-Identifier: Apache-2.0
#include "vassal/files/directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace vassal::files {
namespace {

constexpr std::string_view index_name = "index.html";
// A rename beside the lookup makes the kernel unsure whether ".." stayed inside: EAGAIN, ask again.
constexpr int max_tries = 16;

int open_beneath(int directory, const char* path, std::uint64_t flags) noexcept {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    for (int i = 0;; ++i) {
        const long fd = ::syscall(SYS_openat2, directory, path, &how, sizeof how);
        const bool is_transient = fd < 0 && (errno == EINTR || errno == EAGAIN);
        if (!is_transient || i >= max_tries) return static_cast<int>(fd);
    }
}

bool has_hidden_segment(std::string_view path) noexcept {
    return path.starts_with('.') || path.find("/.") != std::string_view::npos;
}

int status_of(int error) noexcept {
    switch (error) {
        case EACCES:
        case EPERM: return 403;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case EAGAIN: return 503;
        case EIO: return 500;
        default: return 404;  // also EXDEV, ELOOP: a link that leads outside, or nowhere
    }
}

}  // namespace

common::Result<Directory> Directory::open(const std::string& path) {
    common::UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return common::system_error("open the directory " + path);
    // Tells now what every request would run into.
    const common::UniqueFd probe(open_beneath(fd.get(), ".", O_PATH | O_DIRECTORY));
    if (!probe) return common::system_error("enter the directory " + path);
    return Directory(std::move(fd));
}

OpenedFile Directory::find(std::string_view path) const noexcept {
    OpenedFile file;
    std::array<char, PATH_MAX> name{};
    const bool is_directory = path.empty() || path.ends_with('/');
    const bool is_sound = path.size() + index_name.size() < name.size() &&
                          path.find('\0') == std::string_view::npos && !has_hidden_segment(path);
    if (!is_sound) {
        file.status = 404;
        return file;
    }
    char* const end = std::copy(path.begin(), path.end(), name.data());
    if (is_directory) std::copy(index_name.begin(), index_name.end(), end);
    file.fd.reset(open_beneath(fd_.get(), name.data(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
    struct stat status {};
    if (!file.fd || ::fstat(file.fd.get(), &status) != 0) {
        file.status = status_of(errno);
    } else if (S_ISREG(status.st_mode)) {
        file.size = static_cast<std::uint64_t>(status.st_size);
        file.inode = status.st_ino;
        file.modified_ns = static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
    } else {
        file.status = S_ISDIR(status.st_mode) && !is_directory ? 301 : 404;
    }
    return file;
}

}  // namespace vassal::files
