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

    // True once per burst, as soon as it is over.
    [[nodiscard]] bool take(common::TimePoint now) noexcept;

private:
    common::Duration quiet_;
    common::Duration most_;
    common::TimePoint first_{};
    std::optional<common::TimePoint> deadline_;
};

}  // namespace emperor::watch
