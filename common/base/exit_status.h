// SPDX-License-Identifier: Apache-2.0
// How a process ended, as a value; and the same in an operator's words ("exit code 1", "signal 9 (SIGKILL)", "signal 11
// (SIGSEGV, segmentation fault)").
#pragma once

#include <sys/wait.h>

#include <string>

namespace common {

struct ExitStatus {
    enum class Kind { exited, signaled, unknown };  // unknown: not our child (adopted), its status cannot be waited for

    Kind kind = Kind::unknown;
    int value = 0;  // exit code or signal number
    bool is_out_of_memory = false;  // the kernel's SIGKILL (oom_kills.h): waitid() does not tell, whoever waits finds out

    friend bool operator==(const ExitStatus&, const ExitStatus&) = default;

    [[nodiscard]] bool is_success() const noexcept { return kind == Kind::exited && value == 0; }
    [[nodiscard]] std::string text() const;
    // Where a sentence follows: "killed by signal 9 (SIGKILL)", "killed by the kernel: out of memory", "exit code 1".
    [[nodiscard]] std::string how() const;

    // From waitid(2)'s siginfo_t.
    [[nodiscard]] static ExitStatus from(const siginfo_t& info) noexcept;
};

}  // namespace common
