// SPDX-License-Identifier: Apache-2.0
// What one worker cannot do for a client is brought to another: accept a connection, or read it.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <climits>
#include <span>

#include "vassal/master/master_impl.h"
#include "vassal/protocol/refusal.h"

namespace vassal::master {

namespace {

using boost::system::error_code;

// Beyond it connections are closed: their clients hear that they are not served.
constexpr std::size_t most_orphans = 1024;
constexpr int most_refused_reads = 64;
constexpr auto next_try = std::chrono::milliseconds(50);

bool is_idle(const common::scoreboard::WorkerSlot& board) {
    const auto threads = std::min<std::size_t>(board.threads.load(), common::scoreboard::max_threads);
    return std::ranges::any_of(std::span(board.thread).first(threads), [](const auto& thread) {
        return thread.request_started_us.load(std::memory_order_relaxed) == 0 && thread.lock_wait.load() % 2 == 0;
    });
}

// Taken from the socket first: what lies there unread when it is closed makes the kernel reset the connection, and the
// answer is lost. Who has asked nothing, as on a kept-alive connection, sees its end.
void refuse(int fd, common::net::Protocol protocol) {
    std::array<char, 4096> unread;
    ssize_t size = ::recv(fd, unread.data(), unread.size(), MSG_DONTWAIT);
    if (size <= 0) return;
    const std::uint16_t id = vassal::protocol::first_fastcgi_id({unread.data(), static_cast<std::size_t>(size)});
    for (int i = 0; i < most_refused_reads && size > 0; ++i)
        size = ::recv(fd, unread.data(), unread.size(), MSG_DONTWAIT);
    vassal::protocol::TextBuffer reply, framed;
    const std::string_view answer = vassal::protocol::write_refusal(protocol, id, reply, framed);
    static_cast<void>(::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace

bool Master::Impl::look_at_lock_waits() {
    std::vector<Place> others;
    bool is_waiting = false;
    for (const Place place : pool_->places()) {
        const ProcessState state = pool_->process_state(place);
        // One that drains may have been woken just before.
        if (state != ProcessState::serving && state != ProcessState::draining) continue;
        if (lock_watch_.look(board_slot(place)))
            is_waiting = true;
        else if (state == ProcessState::serving)
            others.push_back(place);
    }
    for (const Place place : others)
        if (is_waiting) tell(place, link::Poke{});
    return is_waiting;
}

void Master::Impl::take_orphan(Orphan orphan) {
    // The app may write into the link that this came from.
    const bool is_known = orphan.listener >= 0 && static_cast<std::size_t>(orphan.listener) < generation_->listeners.size();
    if (!is_known || orphans_.size() >= most_orphans) return;
    orphans_.push_back(std::move(orphan));
    if (orphans_.size() == 1) give_orphans_away();
}

// To idle workers only: one that is stuck would not take it before it ends. Where there is none, the replacement is on its
// way. A copy is kept until the worker says that it took it: whose worker ends before is an orphan again. A generation
// that leaves has nobody: a worker of it that looks idle is about to end.
void Master::Impl::give_orphans_away() {
    if (pool_->state() != PoolState::serving) {
        for (const Orphan& orphan : orphans_) {
            const auto& listener = generation_->listeners[static_cast<std::size_t>(orphan.listener)];
            refuse(orphan.connection.get(), listener.address.protocol);
        }
        return orphans_.clear();
    }
    auto idle = pool_->places(ProcessState::serving);
    std::erase_if(idle, [this](const Place place) { return !seat(place).process.link || !is_idle(board_slot(place)); });
    for (std::size_t turn = 0; !orphans_.empty() && !idle.empty(); ++turn) {
        Seat& taker = seat(idle[turn % idle.size()]);
        const std::array fds{orphans_.front().connection.get()};
        const int ticket = last_ticket_ = last_ticket_ % INT_MAX + 1;
        const link::Adopt order{orphans_.front().listener, ticket};
        if (!taker.process.link->send(link::encode(link::MasterOrder(order)), fds)) break;  // full: it reads soon
        taker.given.emplace(ticket, std::move(orphans_.front()));
        orphans_.pop_front();
    }
    if (orphans_.empty()) return;
    orphan_timer_.expires_after(next_try);
    orphan_timer_.async_wait([this](error_code error) {
        if (!error) give_orphans_away();
    });
}

}  // namespace vassal::master
