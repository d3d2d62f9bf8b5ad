// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/scaling.h"

#include <algorithm>

namespace vassal::master {

Scaling::Scaling(const ScalingOptions& options) noexcept : options_(options), wanted_(options.least) {}

void Scaling::use(const ScalingOptions& options, int wanted, TimePoint now) noexcept {
    options_ = options;
    wanted_ = std::clamp(wanted, options_.least, options_.most);
    busy_looks_ = waiting_looks_ = 0;
    look_anew(now);
}

int Scaling::on(const Load& load, TimePoint now) {
    if (must_grow(load)) {
        const int useful = static_cast<int>(std::min<unsigned>(load.waiting, 1u << 20)) / options_.threads;
        wanted_ = std::min(wanted_ + std::clamp(useful, 1, wanted_), options_.most);
        busy_looks_ = waiting_looks_ = 0;
        look_anew(now);
    } else if (may_shrink(load, now)) {
        --wanted_;
        look_anew(now);
    }
    return wanted_;
}

TimePoint Scaling::deadline() const noexcept {
    return wanted_ > options_.least ? quiet_since_ + options_.quiet : TimePoint::max();
}

bool Scaling::must_grow(const Load& load) {
    busy_looks_ = load.serving > 0 && load.busy >= load.serving * options_.threads ? busy_looks_ + 1 : 0;
    waiting_looks_ = load.waiting > 0 ? waiting_looks_ + 1 : 0;
    if (wanted_ >= options_.most || load.coming > 0) return false;
    return busy_looks_ >= options_.busy_looks || waiting_looks_ >= options_.waiting_looks;
}

bool Scaling::may_shrink(const Load& load, TimePoint now) {
    peak_ = std::max(peak_, load.busy);
    if (load.waiting > 0) look_anew(now);
    if (wanted_ <= options_.least || now < deadline()) return false;
    const bool fits = peak_ * 4 <= (wanted_ - 1) * options_.threads * 3;
    if (!fits) look_anew(now);
    return fits;
}

void Scaling::look_anew(TimePoint now) noexcept {
    quiet_since_ = now;
    peak_ = 0;
}

}  // namespace vassal::master
