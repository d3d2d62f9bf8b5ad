// SPDX-License-Identifier: Apache-2.0
// Whether the kernel ended a process for want of memory. It does so by SIGKILL, as an operator does; what tells the two
// apart is its count of such kills: in the cgroup where there is one, else on the machine. A count says how many, not
// who: a process that died of a SIGKILL that nobody here sent is taken for one of them if the count grew meanwhile.
//
// OomWatch is pure: it is fed readings. Its owner feeds it one when something starts and now and then while there is
// work (look), so that a kill of long ago is not held against a death of today; and asks when it saw such a death
// (explains).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"

namespace common {

// Kills since the cgroup was made, or the machine was started; none where the kernel does not say.
struct OomCounts {
    std::optional<std::uint64_t> cgroup, machine;
    friend bool operator==(const OomCounts&, const OomCounts&) = default;
};

class OomWatch {
public:
    // A killed process may take a while to die, with much memory to give back: a reading counts as "before" when it is
    // at least that old.
    static constexpr Duration settled = std::chrono::seconds(5);

    void look(const OomCounts& counts, TimePoint now);
    // A process died of a SIGKILL that was not ours. True: of the kernel's. Each kill explains one death.
    [[nodiscard]] bool explains(const OomCounts& counts, TimePoint now);

private:
    struct Reading {
        OomCounts counts;
        TimePoint at{};
    };
    std::optional<Reading> before_, newest_;
};

// The number after "oom_kill" in memory.events (cgroup v2), memory.oom_control (v1) or /proc/vmstat.
[[nodiscard]] std::optional<std::uint64_t> oom_kills_in(std::string_view text);
// Where the count of a process's cgroup may stand, the likeliest first; `cgroups` is its /proc/PID/cgroup.
[[nodiscard]] std::vector<std::string> oom_count_paths(std::string_view cgroups);

// Reads the count of this process's cgroup, or the machine's: one small file.
class OomReader {
public:
    OomReader();
    [[nodiscard]] OomCounts read() const;

private:
    std::string cgroup_file_;  // empty: the cgroup tells nothing
};

}  // namespace common
