// SPDX-License-Identifier: Apache-2.0
#include "common/base/exit_status.h"

#include <csignal>
#include <cstring>

namespace common {

std::string ExitStatus::text() const {
    switch (kind) {
        case Kind::exited: return "exit code " + std::to_string(value);
        case Kind::signaled: {
            const char* name = ::sigabbrev_np(value);
            return "signal " + std::to_string(value) + (name ? std::string(" (SIG") + name + ")" : "");
        }
        case Kind::unknown: break;
    }
    return "unknown exit status";
}

ExitStatus ExitStatus::from(const siginfo_t& info) noexcept {
    if (info.si_code == CLD_EXITED) return {Kind::exited, info.si_status};
    if (info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) return {Kind::signaled, info.si_status};
    return {};
}

}  // namespace common
