// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/gate.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace vassal::worker {

Gate::Gate(Reactor& reactor, std::vector<int> listeners, std::uint32_t max_connections, std::int64_t drain_us,
           std::int64_t idle_us)
    : reactor_(reactor),
      listeners_(std::move(listeners)),
      max_connections_(static_cast<int>(std::clamp<std::uint32_t>(max_connections, 1, 1u << 20))),
      drain_us_(drain_us),
      idle_us_(std::min(idle_us, drain_us)) {}

void Gate::set_watching(bool is_watching) {
    if (is_watching == is_watching_) return;
    is_watching_ = is_watching;
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
        if (is_watching) {
            reactor_.watch_listener(listeners_[i], i);
        } else {
            reactor_.forget(listeners_[i]);
        }
    }
}

void Gate::reconsider() {
    const std::lock_guard lock(mutex_);
    const bool is_full = open_.load() >= max_connections_;
    is_paused_ = is_full || paused_until_us_ != 0;
    // A slot may have become free before is_paused_ was set, and its thread did not look again.
    if (is_full && open_.load() < max_connections_) is_paused_ = paused_until_us_ != 0;
    set_watching(is_promoted_ && !is_letting_go_ && !is_paused_);
}

void Gate::promote() {
    is_promoted_ = true;
    if (!is_draining_ && is_letting_go_.exchange(false)) idle_deadline_us_ = INT64_MAX;
    reconsider();
}

bool Gate::drain(std::int64_t now_us, std::int64_t patience_us) {
    reserve_last();  // first: a sibling that closes the last connection would end the worker
    if (is_draining_.exchange(true)) return give_back(), false;
    const bool was_accepting = !is_letting_go_.exchange(true) && is_promoted_;
    drain_deadline_us_ = now_us + (patience_us > 0 ? patience_us : drain_us_);
    idle_deadline_us_ = now_us + idle_us_;
    reconsider();
    reactor_.schedule(now_us + idle_us_);
    if (was_accepting) return true;
    give_back();
    return false;
}

bool Gate::suspend(std::int64_t now_us) {
    if (!is_promoted_ || is_letting_go_.exchange(true)) return false;
    idle_deadline_us_ = now_us + idle_us_;
    reconsider();
    reactor_.schedule(now_us + idle_us_);
    return true;
}

void Gate::finish() noexcept {
    if (!is_finished_.exchange(true)) reactor_.wake_all();
}

bool Gate::reserve() {
    const int before = open_.fetch_add(1);
    if (before < max_connections_ && !is_letting_go_) return true;
    give_back();
    if (!is_letting_go_) reconsider();
    return false;
}

void Gate::give_back() {
    const int left = open_.fetch_sub(1) - 1;
    if (is_paused_) reconsider();
    if (left == 0 && is_draining_) return finish();
    end_if_only_stuck_are_left();
}

// Exit handlers would wait for the thread that hangs. What the drain had to finish is finished.
void Gate::end_if_only_stuck_are_left() noexcept {
    if (is_draining_ && stuck_ > 0 && open_ <= stuck_) ::_exit(0);
}

void Gate::pause_until(std::int64_t time_us) {
    {
        const std::lock_guard lock(mutex_);
        paused_until_us_ = time_us;
    }
    reconsider();
    reactor_.schedule(time_us);
}

void Gate::resume_if_due(std::int64_t now_us) {
    {
        const std::lock_guard lock(mutex_);
        if (paused_until_us_ == 0) return;
        if (paused_until_us_ > now_us) return reactor_.schedule(paused_until_us_);
        paused_until_us_ = 0;
    }
    reconsider();
}

}  // namespace vassal::worker
