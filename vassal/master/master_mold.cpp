// SPDX-License-Identifier: Apache-2.0
// Workers by way of the mold (preload). The mold is started when the first worker is wanted, and again when one is
// wanted after it died; until it is ready the seats wait.
#include <algorithm>
#include <csignal>

#include "vassal/master/master_impl.h"

namespace vassal::master {

bool Master::Impl::uses_mold() const { return generation_->config.preload && is_mold_allowed_; }

void Master::Impl::fork_through_mold(Place place, ChildEnds ends) {
    seat(place).ends = std::move(ends);
    seat(place).is_waiting_for_mold = true;
    if (mold_state_ == MoldState::absent) start_mold();
    if (mold_state_ == MoldState::ready) serve_waiting_seats();
}

void Master::Impl::start_mold() {
    mold_failure_.reset();
    auto ends = open_process(
        mold_, 0, [this](common::link::Packet& packet) { on_mold_packet(packet); }, [] {});
    if (!ends) return fail_waiting_seats({"fork", ends.error().message(), ""});
    mold_state_ = MoldState::starting;
    mold_forked_at_ = common::Clock::now();
    outcomes_.push_back(ForkMold{std::move(*ends)});
}

void Master::Impl::on_mold_packet(common::link::Packet& packet) {
    auto message = link::decode_worker_message(packet.payload);
    if (!message) return;
    if (std::holds_alternative<link::Ready>(*message)) {
        mold_state_ = MoldState::ready;
        if (is_stopping_) return dismiss_mold();
        return serve_waiting_seats();
    }
    if (const auto* sources = std::get_if<link::Sources>(&*message)) return on_sources(sources->files, mold_forked_at_);
    if (const auto* failed = std::get_if<link::Failed>(&*message)) {
        mold_failure_ = StartFailure{failed->step, failed->reason, failed->detail};
        log_detail(0, failed->detail);
        return fail_waiting_seats(*mold_failure_);
    }
    if (const auto* unforkable = std::get_if<link::Unforkable>(&*message)) {
        is_mold_allowed_ = false;
        log_->say("preload: the app started threads while it was imported (" + unforkable->threads +
                  "): a copy would lack them, so every worker imports the app by itself");
        serve_waiting_seats();
    }
}

void Master::Impl::serve_waiting_seats() {
    for (const Place place : pool_->places()) {
        Seat& waiting = seat(place);
        if (!std::exchange(waiting.is_waiting_for_mold, false)) continue;
        ChildEnds ends = std::exchange(waiting.ends, {});
        waiting.threads = std::clamp(generation_->config.threads, 1, common::scoreboard::max_threads);
        if (!is_mold_allowed_) {
            outcomes_.push_back(ForkWorker{place, std::move(ends)});
            continue;
        }
        const int fds[] = {ends.link.get(), ends.out.get(), ends.err.get()};
        if (!mold_.link || !mold_.link->send(link::encode(link::MasterOrder(link::ForkWorker{place.slot, place.lane})), fds))
            could_not_fork(place, {"fork", "the mold does not take orders", ""});
    }
}

void Master::Impl::fail_waiting_seats(const StartFailure& failure) {
    for (const Place place : pool_->places()) {
        if (!std::exchange(seat(place).is_waiting_for_mold, false)) continue;
        seat(place).ends = {};
        could_not_fork(place, failure);
    }
}

void Master::Impl::mold_gone(const ExitStatus& status) {
    if (mold_.link) mold_.link->receive_now();  // its last words
    const bool was_wanted = is_mold_allowed_ && !is_stopping_;
    mold_state_ = MoldState::absent;
    close_process(mold_);
    const std::string how = status.how();
    if (was_wanted && !mold_failure_)
        log_->say("the mold ended: " + how + "; the next worker that is needed starts another");
    fail_waiting_seats(mold_failure_.value_or(StartFailure{"import", "the mold ended: " + how, ""}));
}

void Master::Impl::replace_mold() {
    is_mold_allowed_ = true;
    renew_mold();
}

void Master::Impl::dismiss_mold() {
    // The end of its link is its order to go.
    if (mold_.link) mold_.link->close();
}

}  // namespace vassal::master
