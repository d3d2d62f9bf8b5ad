// SPDX-License-Identifier: Apache-2.0
// The app asks for a new copy of itself (emperor.reload()). Under an emperor that is a rollout, and the emperor's to
// decide.
#include "common/base/clock.h"
#include "vassal/master/master_impl.h"

namespace vassal::master {

void Master::Impl::on_reload_wanted(Place place, const std::string& reason) {
    if (pool_->state() != PoolState::serving) return;
    const TimePoint now = common::Clock::now();
    const auto due = reloads_.wish(now);
    if (!due) return;
    if (*due > now) return reloads_.withdraw();  // every worker asks; the first one was heard
    reloads_.fulfil(now);
    report(common::link::ReloadRequested{place.slot, static_cast<std::int32_t>(seat(place).process.pid), reason});
}

}  // namespace vassal::master
