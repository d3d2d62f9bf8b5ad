// SPDX-License-Identifier: Apache-2.0
// One directory that files are served from, opened once with the rights of this process. Nothing outside of it can be
// opened, whatever a path or a symbolic link inside says: the kernel resolves beneath it (openat2, Linux 5.6).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace vassal::files {

struct OpenedFile {
    int status = 200;  // 200: a regular file; 301: a directory without its slash; else why not
    common::UniqueFd fd;
    std::uint64_t size = 0;
    std::uint64_t inode = 0;
    std::int64_t modified_ns = 0;
};

class Directory {
public:
    [[nodiscard]] static common::Result<Directory> open(const std::string& path);

    // `path` is relative; empty or with a slash at its end it means the index.html in there. Never waits for a fifo or
    // a device: they are 404 like all that is no regular file, and like every name that begins with a dot.
    [[nodiscard]] OpenedFile find(std::string_view path) const noexcept;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
    explicit Directory(common::UniqueFd fd) noexcept : fd_(std::move(fd)) {}

    common::UniqueFd fd_;
};

}  // namespace vassal::files
