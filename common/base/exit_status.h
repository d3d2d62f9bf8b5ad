// SPDX-License-Identifier: Apache-2.0
// How a process ended, as a value; and the same in an operator's words ("exit code 1", "signal 9 (SIGKILL)").
#pragma once

#include <sys/wait.h>

#include <string>

namespace common {

struct ExitStatus {
    enum class Kind { exited, signaled, unknown };  // unknown: not our child (adopted), its status cannot be waited for

    Kind kind = Kind::unknown;
    int value = 0;  // exit code or signal number

    friend bool operator==(const ExitStatus&, const ExitStatus&) = default;

    [[nodiscard]] bool is_success() const noexcept { return kind == Kind::exited && value == 0; }
    [[nodiscard]] std::string text() const;

    // From waitid(2)'s siginfo_t.
    [[nodiscard]] static ExitStatus from(const siginfo_t& info) noexcept;
};

}  // namespace common
