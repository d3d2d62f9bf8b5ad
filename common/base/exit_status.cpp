// SPDX-License-Identifier: Apache-2.0
#include "common/base/exit_status.h"

#include <csignal>
#include <cstring>

namespace common {

namespace {

// For the signals that a fault raises; the names of the others say it.
const char* meaning_of(int signal) noexcept {
    switch (signal) {
        case SIGSEGV: return ", segmentation fault";
        case SIGBUS: return ", bus error";
        case SIGABRT: return ", aborted itself";
        case SIGFPE: return ", arithmetic error";
        case SIGILL: return ", illegal instruction";
        case SIGSYS: return ", forbidden system call";
        case SIGXCPU: return ", CPU time limit";
        case SIGXFSZ: return ", file size limit";
        default: return "";
    }
}

}  // namespace

std::string ExitStatus::text() const {
    switch (kind) {
        case Kind::exited: return "exit code " + std::to_string(value);
        case Kind::signaled: {
            if (is_out_of_memory) return "killed by the kernel: out of memory";
            const char* name = ::sigabbrev_np(value);
            return "signal " + std::to_string(value) + (name ? std::string(" (SIG") + name + meaning_of(value) + ")" : "");
        }
        case Kind::unknown: break;
    }
    return "unknown exit status";
}

std::string ExitStatus::how() const {
    return (kind == Kind::signaled && !is_out_of_memory ? "killed by " : "") + text();
}

ExitStatus ExitStatus::from(const siginfo_t& info) noexcept {
    if (info.si_code == CLD_EXITED) return {Kind::exited, info.si_status};
    if (info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) return {Kind::signaled, info.si_status};
    return {};
}

}  // namespace common
