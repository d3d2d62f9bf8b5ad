// SPDX-License-Identifier: Apache-2.0
// What one worker cannot do for a client is brought to another: accept a connection, or read it.
#include <algorithm>
#include <array>
#include <span>

#include "vassal/master/master_impl.h"

namespace vassal::master {

namespace {

using boost::system::error_code;

// Beyond it connections are closed: their clients hear that they are not served.
constexpr std::size_t most_orphans = 1024;
constexpr auto next_try = std::chrono::milliseconds(50);

bool is_idle(const common::scoreboard::WorkerSlot& board) {
    const auto threads = std::min<std::size_t>(board.threads.load(), common::scoreboard::max_threads);
    return std::ranges::any_of(std::span(board.thread).first(threads), [](const auto& thread) {
        return thread.request_started_us.load(std::memory_order_relaxed) == 0 && thread.lock_wait.load() % 2 == 0;
    });
}

}  // namespace

bool Master::Impl::look_at_lock_waits() {
    std::vector<Place> others;
    bool is_waiting = false;
    for (const Place place : pool_->places(ProcessState::serving)) {
        if (lock_watch_.look(board_slot(place)))
            is_waiting = true;
        else
            others.push_back(place);
    }
    for (const Place place : others)
        if (is_waiting) tell(place, link::Poke{});
    return is_waiting;
}

void Master::Impl::take_orphan(int listener, common::UniqueFd connection) {
    if (orphans_.size() >= most_orphans) return;
    orphans_.push_back({listener, std::move(connection)});
    if (orphans_.size() == 1) give_orphans_away();
}

// To idle workers only: what lies unread in the link of one that gets stuck would be lost. Where there is none, the
// replacement is on its way.
void Master::Impl::give_orphans_away() {
    if (pool_->state() != PoolState::serving) return orphans_.clear();
    auto idle = pool_->places(ProcessState::serving);
    std::erase_if(idle, [this](const Place place) { return !is_idle(board_slot(place)); });
    for (std::size_t turn = 0; !orphans_.empty() && !idle.empty(); ++turn) {
        const Orphan orphan = std::move(orphans_.front());
        orphans_.pop_front();
        const std::array fds{orphan.connection.get()};
        const auto& channel = seat(idle[turn % idle.size()]).process.link;
        if (channel) channel->send(link::encode(link::MasterOrder(link::Adopt{orphan.listener})), fds);
    }
    if (orphans_.empty()) return;
    orphan_timer_.expires_after(next_try);
    orphan_timer_.async_wait([this](error_code error) {
        if (!error) give_orphans_away();
    });
}

}  // namespace vassal::master
