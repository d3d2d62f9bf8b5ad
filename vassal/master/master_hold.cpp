// SPDX-License-Identifier: Apache-2.0
// Clients of a vassal that cannot serve. In a living generation: when no worker could serve for `restart.hold`, the
// master answers 503, until one can again. In a hold process, which an emperor starts where there is no generation:
// from the beginning to Stop or to the end of the link. It does not outlive its emperor: without one nobody would end it,
// and clients that wait in the listeners' queues (the keeper has them) lose nothing.
#include <algorithm>

#include "vassal/master/master_impl.h"

namespace vassal::master {

namespace {

using boost::system::error_code;
using common::Clock;
namespace wire = common::link;

std::uint64_t seconds_until(TimePoint time) {
    using std::chrono::seconds;
    const auto left = std::chrono::ceil<seconds>(std::min<Duration>(time - Clock::now(), std::chrono::hours(24)));
    return static_cast<std::uint64_t>(std::max<std::int64_t>(left.count(), 1));
}

}  // namespace

// ---- a living generation --------------------------------------------------------------------------------------------

// Clients wait from when nobody could serve; that the reason is another one by now does not make them wait longer.
void Master::Impl::serving_changed(const ReportServing& command) {
    const bool goes_on = !command.is_serving && !not_serving_reason_.empty();
    not_serving_reason_ = command.reason;
    if (goes_on && desk_ && desk_->is_open()) return report_refusal();
    report(wire::ServingChanged{command.is_serving, command.reason, in_milliseconds(command.retry)});
    if (goes_on) return;
    if (command.is_serving) {
        hold_timer_.cancel();
        if (desk_) desk_->close();
        return;
    }
    const Duration hold = generation_->config.restart.hold;
    if (hold == Duration::zero()) return;
    hold_timer_.expires_after(hold);
    hold_timer_.async_wait([this](error_code error) {
        if (!error && pool_->state() == PoolState::serving) hold_clients();
    });
}

void Master::Impl::hold_clients() {
    if (pool_->is_serving()) return;
    open_desk(generation_->listeners, [this] { return seconds_until(pool_->next_start().value_or(Clock::now())); });
    report_refusal();
}

void Master::Impl::report_refusal() {
    const auto wait = pool_->next_start().value_or(Clock::now()) - Clock::now();
    report(wire::ServingChanged{false, not_serving_reason_ + "; clients get 503", in_milliseconds(wait)});
}

void Master::Impl::open_desk(std::span<const Listener> listeners, std::function<std::uint64_t()> retry_after) {
    if (!desk_)
        desk_ = std::make_unique<HoldDesk>(io_, listeners, std::move(retry_after), [this] { desk_is_empty(); });
    desk_->open();
}

void Master::Impl::close_desk() {
    hold_timer_.cancel();
    if (desk_) desk_->close();
}

void Master::Impl::desk_is_empty() {
    if (code_after_desk_) finish(*code_after_desk_);
}

// Who was accepted is answered before this process ends; the desk's deadlines are short.
void Master::Impl::finish_after_desk(int code) {
    close_desk();
    if (!desk_ || desk_->is_empty()) return finish(code);
    code_after_desk_ = code;
}

// ---- a hold process -------------------------------------------------------------------------------------------------

void Master::Impl::on_hold(wire::Hold& hold, std::vector<common::UniqueFd>& fds) {
    if (generation_) return;
    next_attempt_ = Clock::now() + std::chrono::milliseconds(std::clamp<std::int64_t>(hold.retry_ms, 0, 86'400'000));
    if (is_holding_) return;
    if (hold.version != wire::protocol_version || hold.listeners.empty() || fds.size() != hold.listeners.size())
        return finish(1);
    for (std::size_t i = 0; i < fds.size(); ++i) {
        auto address = common::net::parse_listen_address(hold.listeners[i]);
        if (!address) return finish(1);
        held_.push_back({std::move(fds[i]), std::move(*address)});
    }
    is_holding_ = true;
    if (on_hold_) on_hold_(hold.name);
    open_desk(held_, [this] { return seconds_until(next_attempt_); });
}

}  // namespace vassal::master
