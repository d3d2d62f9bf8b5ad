// SPDX-License-Identifier: Apache-2.0
// Hot path. Whether this thread holds the interpreter lock: taken before accept4 and serve, let go before every wait,
// not touched in between.
#pragma once

#include "vassal/app/application.h"

namespace vassal::worker {

class InterpreterLock {
public:
    InterpreterLock(app::Application& application, bool is_held) noexcept
        : application_(application), is_held_(is_held) {}

    [[nodiscard]] bool is_held() const noexcept { return is_held_; }
    void take() noexcept {
        if (is_held_) return;
        application_.acquire();
        is_held_ = true;
    }
    void release() noexcept {
        if (!is_held_) return;
        is_held_ = false;
        application_.release();
    }

private:
    app::Application& application_;
    bool is_held_;
};

}  // namespace vassal::worker
