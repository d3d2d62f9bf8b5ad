// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "common/base/unique_fd.h"
#include "emperor/web/gate.h"

namespace emperor::web {

common::Result<std::string> read_token_file(const std::string& path) {
    const common::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0) return common::system_error("read " + path);
    if (!S_ISREG(status.st_mode)) return common::failure(path + " is not a file");
    if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
        return common::failure(path + " is open to others: chmod 600 " + path);
    std::array<char, 1024> text{};
    const ssize_t size = ::read(fd.get(), text.data(), text.size());
    if (size < 0) return common::system_error("read " + path);
    std::string token(text.data(), static_cast<std::size_t>(size));
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
    if (std::string problem = problem_of_token(token); !problem.empty()) return common::failure(path + ": " + problem);
    return token;
}

}  // namespace emperor::web
