// SPDX-License-Identifier: Apache-2.0
// What recycle.max_rss looks at. Reads /proc, keeps nothing; used by Master.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace vassal::master {

// Resident memory as the kernel counts it, shared pages included; 0 when the process is gone.
[[nodiscard]] std::uint64_t resident_bytes(pid_t pid) noexcept;

// "512 MiB"
[[nodiscard]] std::string memory_text(std::uint64_t bytes);

}  // namespace vassal::master
