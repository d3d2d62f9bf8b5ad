// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/memory_look.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "common/base/unique_fd.h"

namespace vassal::master {

std::uint64_t resident_bytes(pid_t pid) noexcept {
    char path[32];
    std::snprintf(path, sizeof path, "/proc/%d/statm", pid);
    const common::UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
    char text[128];
    const ssize_t size = file ? ::read(file.get(), text, sizeof text - 1) : 0;
    if (size <= 0) return 0;
    text[size] = '\0';
    char* end = nullptr;
    std::strtoull(text, &end, 10);  // the size of the address space
    return std::strtoull(end, nullptr, 10) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string memory_text(std::uint64_t bytes) {
    constexpr std::uint64_t mib = 1u << 20;
    return std::to_string((bytes + mib / 2) / mib) + " MiB";
}

}  // namespace vassal::master
