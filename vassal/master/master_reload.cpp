// SPDX-License-Identifier: Apache-2.0
// The app asks for a new copy of itself (emperor.reload()). Under an emperor that is a rollout, and the emperor's to
// decide and to space out. Stand-alone, all workers are replaced one after the other.
#include <utility>

#include "common/base/clock.h"
#include "vassal/master/master_impl.h"

namespace vassal::master {

namespace {

constexpr auto between_messages = std::chrono::seconds(1);  // every worker may ask; the first one was heard
constexpr auto between_rolls = std::chrono::seconds(10);

}  // namespace

common::Spacing Master::Impl::reload_spacing(bool is_standalone) {
    return common::Spacing(is_standalone ? between_rolls : between_messages);
}

void Master::Impl::on_reload_wanted(Place place, const std::string& reason) {
    if (pool_->state() != PoolState::serving) return;
    const TimePoint now = common::Clock::now();
    const auto due = reloads_.wish(now);
    if (!due) return;
    if (!generation_->is_standalone) {
        if (*due > now) return reloads_.withdraw();
        reloads_.fulfil(now);
        return report(
            common::link::ReloadRequested{place.slot, static_cast<std::int32_t>(seat(place).process.pid), reason});
    }
    std::string cause = "requested by the app";
    if (!reason.empty()) cause += ": " + reason;
    reload_timer_.expires_at(*due);
    cause += " (worker " + std::to_string(place.slot) + ")";
    reload_timer_.async_wait([this, cause = std::move(cause)](boost::system::error_code error) {
        if (error || pool_->state() != PoolState::serving) return reloads_.withdraw();
        reloads_.fulfil(common::Clock::now());
        roll(cause, true);
    });
}

}  // namespace vassal::master
