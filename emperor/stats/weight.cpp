// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/weight.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace emperor::stats {

namespace {

using Microseconds = std::chrono::duration<double, std::micro>;
constexpr std::chrono::milliseconds shortest{500};
constexpr Microseconds smoothing = std::chrono::seconds(5);
constexpr double bearable_us = 50'000;

double positive(double value) noexcept { return std::max(value, 0.0); }

}  // namespace

int Weight::on(const Look& look, common::TimePoint now) noexcept {
    if (!look.is_serving || look.threads <= 0) {
        is_known_ = false;
        weight_ = busy_ = 0;
        return 0;
    }
    const double threads = look.threads;
    if (!is_known_) {
        is_known_ = true;
        weight_ = threads / (threads + positive(static_cast<double>(look.waiting)));
        busy_ = 0;
    } else {
        if (now - last_at_ < shortest) return percent();
        const Microseconds passed = now - last_at_;
        const double busy = positive(static_cast<double>(look.busy_us) - static_cast<double>(last_.busy_us));
        const double used = std::min(1.0, busy / (threads * passed.count()));
        const double queued =
            positive(static_cast<double>(look.queue_sum_us) - static_cast<double>(last_.queue_sum_us));
        const double requests =
            positive(static_cast<double>(look.queue_count) - static_cast<double>(last_.queue_count));
        const double ease = bearable_us / (bearable_us + (requests > 0 ? queued / requests : 0));
        const double room = threads / (threads + positive(static_cast<double>(look.waiting)));
        const double share = 1 - std::exp(-passed.count() / smoothing.count());
        weight_ += share * ((1 - used) * ease * room - weight_);
        busy_ += share * (used - busy_);
    }
    last_at_ = now;
    last_ = look;
    return percent();
}

int Weight::percent() const noexcept {
    return is_known_ ? std::clamp(static_cast<int>(std::lround(100 * weight_)), 1, 100) : 0;
}

int Weight::utilization() const noexcept { return std::clamp(static_cast<int>(std::lround(100 * busy_)), 0, 100); }

}  // namespace emperor::stats
