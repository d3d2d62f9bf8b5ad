// SPDX-License-Identifier: Apache-2.0
// Whether a vassal had nothing to do for so long that it may sleep. Pure: told now and then what its counters show; says
// when to look next. Counters do not tell when they moved, so it looks four times in the idle time, and the vassal sleeps
// after one to one and a quarter of it. Owned by the vassal's host.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/base/clock.h"

namespace emperor::supervise {

// A sum that moves with every request (it may wrap, and anything may stand in it), and whether one is under way.
struct Activity {
    std::uint64_t requests = 0;
    bool is_busy = false;
};

class IdleWatch {
public:
    static constexpr int looks = 4;

    // From now on. Returns when to look first.
    common::TimePoint begin(common::Duration idle, const Activity& seen, common::TimePoint now) noexcept {
        idle_ = idle;
        seen_ = seen.requests;
        quiet_since_ = now;
        return now + idle_ / looks;
    }

    // When to look next; nullopt: idle.
    [[nodiscard]] std::optional<common::TimePoint> look(const Activity& seen, common::TimePoint now) noexcept {
        if (seen.is_busy || seen.requests != seen_) quiet_since_ = now;
        seen_ = seen.requests;
        if (now - quiet_since_ >= idle_) return std::nullopt;
        return std::min(now + idle_ / looks, quiet_since_ + idle_);
    }

    [[nodiscard]] common::Duration idle() const noexcept { return idle_; }

private:
    common::Duration idle_{};
    std::uint64_t seen_ = 0;
    common::TimePoint quiet_since_{};
};

}  // namespace emperor::supervise
