// SPDX-License-Identifier: Apache-2.0
#include "emperor/watch/settle.h"

#include <algorithm>

namespace emperor::watch {

void Settle::mark(common::TimePoint now) noexcept {
    if (!deadline_) first_ = now;
    last_ = now;
    deadline_ = std::min(now + quiet_, first_ + most_);
}

bool Settle::take(common::TimePoint now) noexcept {
    if (!deadline_ || now < *deadline_) return false;
    was_cut_ = now < last_ + quiet_;
    deadline_.reset();
    return true;
}

}  // namespace emperor::watch
