// SPDX-License-Identifier: Apache-2.0
// Spaces wishes out that somebody untiring may send: the first is due at once, a later one not before `interval` after
// the last that was fulfilled, and one waits at most. Pure; whoever owns it keeps what the wish was and arms the timer.
#pragma once

#include <algorithm>
#include <optional>

#include "common/base/clock.h"

namespace common {

class Spacing {
public:
    explicit constexpr Spacing(Duration interval) noexcept : interval_(interval) {}

    // When this wish is due, `now` at the earliest; nothing where another one waits already.
    [[nodiscard]] std::optional<TimePoint> wish(TimePoint now) noexcept {
        if (is_waiting_) return std::nullopt;
        is_waiting_ = true;
        return std::max(now, earliest_);
    }
    void fulfil(TimePoint now) noexcept {
        is_waiting_ = false;
        earliest_ = now + interval_;
    }
    // What was fulfilled took effect only now: the interval counts from here.
    void took_effect(TimePoint now) noexcept { earliest_ = now + interval_; }
    // The wish that waited is void.
    void withdraw() noexcept { is_waiting_ = false; }

private:
    Duration interval_;
    TimePoint earliest_{};
    bool is_waiting_ = false;
};

}  // namespace common
