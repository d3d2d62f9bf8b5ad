// SPDX-License-Identifier: Apache-2.0
#include "emperor/supervise/types.h"

namespace emperor::supervise {

std::string_view name_of(DisplayState state) noexcept {
    switch (state) {
        case DisplayState::running: return "running";
        case DisplayState::starting: return "starting";
        case DisplayState::reloading: return "reloading";
        case DisplayState::observing: return "observing";
        case DisplayState::rolled_back: return "rolled back";
        case DisplayState::stopping: return "stopping";
        case DisplayState::stopped: return "stopped";
        case DisplayState::sleeping: return "sleeping";
        case DisplayState::backoff: return "backoff";
        case DisplayState::failed: return "failed";
        case DisplayState::invalid: return "invalid";
    }
    return "unknown";
}

}  // namespace emperor::supervise
