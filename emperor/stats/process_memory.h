// SPDX-License-Identifier: Apache-2.0
// Resident and virtual size of a process in bytes, from /proc/PID/statm (2 µs; smaps would be fifty times that).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace emperor::stats {

struct ProcessMemory {
    std::int64_t resident = 0;
    std::int64_t virtual_size = 0;

    friend bool operator==(const ProcessMemory&, const ProcessMemory&) = default;
};

// Zeros when the process is gone.
[[nodiscard]] ProcessMemory read_process_memory(pid_t pid) noexcept;

// The text of a statm file: pages, "size resident shared …".
[[nodiscard]] std::optional<ProcessMemory> parse_statm(std::string_view text, std::int64_t page_size) noexcept;

}  // namespace emperor::stats
