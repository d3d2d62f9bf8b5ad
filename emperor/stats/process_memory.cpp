// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/process_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>

#include "common/base/unique_fd.h"

namespace emperor::stats {

std::optional<ProcessMemory> parse_statm(std::string_view text, std::int64_t page_size) noexcept {
    std::array<std::int64_t, 2> pages{};
    const char* at = text.data();
    const char* const end = at + text.size();
    for (std::int64_t& value : pages) {
        while (at != end && *at == ' ') ++at;
        const auto [next, error] = std::from_chars(at, end, value);
        if (error != std::errc{} || value < 0) return std::nullopt;
        at = next;
    }
    return ProcessMemory{.resident = pages[1] * page_size, .virtual_size = pages[0] * page_size};
}

ProcessMemory read_process_memory(pid_t pid) noexcept {
    if (pid <= 0) return {};
    std::array<char, 32> path;
    std::snprintf(path.data(), path.size(), "/proc/%d/statm", pid);
    const common::UniqueFd fd(::open(path.data(), O_RDONLY | O_CLOEXEC));
    std::array<char, 128> text;
    const ssize_t size = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
    if (size <= 0) return {};
    static const std::int64_t page_size = ::sysconf(_SC_PAGESIZE);
    return parse_statm({text.data(), static_cast<std::size_t>(size)}, page_size).value_or(ProcessMemory{});
}

}  // namespace emperor::stats
