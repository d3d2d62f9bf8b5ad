// SPDX-License-Identifier: Apache-2.0
// Waits until a burst of changes is over: settled after `quiet` without a further mark, at the latest `most` after the
// first one. Pure; owned by the Watcher. It never looks at a clock.
#pragma once

#include <optional>

#include "common/base/clock.h"

namespace emperor::watch {

class Settle {
public:
    explicit Settle(common::Duration quiet = std::chrono::milliseconds(100),
                    common::Duration most = std::chrono::seconds(1)) noexcept
        : quiet_(quiet), most_(most) {}

    // Something changed.
    void mark(common::TimePoint now) noexcept;

    // When the burst counts as over; none while nothing changed.
    [[nodiscard]] std::optional<common::TimePoint> deadline() const noexcept { return deadline_; }

    // True once per burst, as soon as it is over, or has lasted for `most`.
    [[nodiscard]] bool take(common::TimePoint now) noexcept;

    // Of the burst that was taken last: it was not over, files may be half changed.
    [[nodiscard]] bool was_cut() const noexcept { return was_cut_; }

private:
    common::Duration quiet_;
    common::Duration most_;
    common::TimePoint first_{};
    common::TimePoint last_{};
    bool was_cut_ = false;
    std::optional<common::TimePoint> deadline_;
};

}  // namespace emperor::watch
