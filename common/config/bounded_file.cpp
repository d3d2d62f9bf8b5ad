// SPDX-License-Identifier: Apache-2.0
#include "common/config/bounded_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "common/base/unique_fd.h"

namespace common::config {

Result<std::string> read_small_file(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return system_error(path);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return system_error(path);
    if (!S_ISREG(status.st_mode)) return failure(path + ": is not a regular file");
    std::string content;
    std::array<char, 16384> buffer{};
    while (true) {
        const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(path);
        if (got == 0) return content;
        content.append(buffer.data(), static_cast<std::size_t>(got));
        if (content.size() > max_small_file) return failure(path + ": is larger than 1 MiB");
    }
}

}  // namespace common::config
