// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/worker/serving_thread.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "common/link/channel.h"
#include "vassal/link/worker_messages.h"
#include "vassal/worker/note.h"
#include "vassal/worker/silence.h"

namespace vassal::worker {
namespace {

constexpr int max_accepts_in_a_row = 16;      // then kept-alive connections have a turn
constexpr unsigned events_between_tries = 8;  // at low load a second accept4 would find nobody
constexpr std::int64_t pause_us = 100'000;    // without descriptors
constexpr std::int64_t note_interval_us = 60'000'000;
constexpr std::int64_t shortest_sweep_us = 20'000;

void read_peer(const sockaddr_storage& from, protocol::Endpoint& peer) noexcept {
    if (from.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
        peer.set(AF_INET, &v4.sin_addr, ntohs(v4.sin_port));
    } else if (from.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
        peer.set(AF_INET6, &v6.sin6_addr, ntohs(v6.sin6_port));
    }
}

}  // namespace

ServingThread::ServingThread(Shared& shared, std::size_t index)
    : shared_(shared),
      lock_(shared.application, true),
      slot_(shared.options.slot->thread[index]),
      conversation_(shared, lock_, index) {
    slot_.lock_wait.store(0, std::memory_order_relaxed);  // the former process may have died in the middle
    slot_.thread_id.store(::gettid(), std::memory_order_relaxed);
}

void ServingThread::run() {
    std::array<epoll_event, 64> events;
    // With several threads each takes one ready connection: a second one would wait behind the first request.
    const std::size_t batch = shared_.threads == 1 ? events.size() : 1;
    while (!shared_.gate.is_finished()) {
        lock_.release();
        const int count = shared_.reactor.wait(std::span(events).first(batch));
        for (int i = 0; i < count && !shared_.gate.is_finished(); ++i) {
            handle(events[static_cast<std::size_t>(i)].data.u64);
        }
    }
    lock_.take();
}

void ServingThread::handle(std::uint64_t token) {
    if (token > last_token) {
        auto& connection = *reinterpret_cast<Connection*>(token);
        if (Reactor::claim_for_event(connection)) conversation_.drive(connection);
    } else if (token >= static_cast<std::uint64_t>(Token::first_listener)) {
        accept_after_event(token - static_cast<std::uint64_t>(Token::first_listener));
    } else if (token == static_cast<std::uint64_t>(Token::link)) {
        obey();
    } else if (token == static_cast<std::uint64_t>(Token::timer)) {
        sweep();
    }
}

// Under load the next client is there already: accept4 instead of epoll_wait and accept4. At low load that call finds
// nobody, so it is tried now and then only.
void ServingThread::accept_after_event(std::size_t listener) {
    if (!accept_one(listener)) return;
    if (!is_bursting_ && ++accept_events_ % events_between_tries != 0) return;
    for (int i = 0; i < max_accepts_in_a_row; ++i) {
        if (shared_.gate.is_finished()) return;
        is_bursting_ = accept_one(listener);
        if (!is_bursting_) return;
    }
}

bool ServingThread::accept_one(std::size_t index) {
    return shared_.gate.reserve() && accept_reserved(index);
}

bool ServingThread::accept_reserved(std::size_t index) {
    const WorkerListener& listener = shared_.options.listeners[index];
    take_lock_to_accept();
    Connection* const connection = conversation_.take_slot(index);
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const bool wants_peer = listener.protocol == common::net::Protocol::http;
    int fd = -1;
    if (connection != nullptr) {
        fd = ::accept4(listener.fd, wants_peer ? reinterpret_cast<sockaddr*>(&from) : nullptr,
                       wants_peer ? &size : nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    if (fd < 0) {
        const int error = connection == nullptr ? ENOBUFS : errno;
        if (connection != nullptr) {
            connection->owner.store(Owner::free, std::memory_order_relaxed);
            conversation_.drop_slot(*connection);
        }
        shared_.gate.give_back();
        accept_failed(error);
        return false;
    }
    if (wants_peer) read_peer(from, connection->peer);
    connection->fd = fd;
    conversation_.open(*connection);
    return true;
}

// Even while draining: its client was promised an answer when a sibling accepted it.
void ServingThread::adopt(std::size_t index, common::UniqueFd fd) {
    if (index >= shared_.options.listeners.size()) return;
    shared_.gate.reserve_last();
    Connection* const connection = conversation_.take_slot(index);
    if (connection == nullptr) return shared_.gate.give_back();
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    if (connection->protocol == common::net::Protocol::http &&
        ::getpeername(fd.get(), reinterpret_cast<sockaddr*>(&from), &size) == 0) {
        read_peer(from, connection->peer);
    }
    connection->fd = fd.release();
    conversation_.open(*connection);
}

// The kernel has woken nobody else for the connection: the master looks whether this takes long.
void ServingThread::take_lock_to_accept() {
    if (lock_.is_held()) return;
    const std::uint32_t waits = slot_.lock_wait.load(std::memory_order_relaxed);
    slot_.lock_wait.store(waits + 1, std::memory_order_relaxed);
    if (shared_.options.activity != nullptr) shared_.options.activity->note();
    lock_.take();
    slot_.lock_wait.store(waits + 2, std::memory_order_relaxed);
}

void ServingThread::accept_failed(int error) {
    switch (error) {
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            shared_.gate.pause_until(now_us() + pause_us);
            if (now_us() < next_accept_note_us_) return;
            next_accept_note_us_ = now_us() + note_interval_us;
            note("cannot accept: no file descriptor or no memory is left; trying again every 100 ms");
            return;
        default: return;  // EAGAIN: a sibling was quicker; ECONNABORTED: the client has left the queue
    }
}

void ServingThread::drain(std::int64_t patience_us) {
    if (!shared_.gate.drain(now_us(), patience_us)) return;
    accept_the_rest();
    shared_.gate.give_back();
}

// The kernel wakes one process for a connection. Once it was this one, nobody else looks before the next client comes:
// what waits when the listeners are let go is still this worker's. Bounded: under load others are woken anyway.
void ServingThread::accept_the_rest() {
    for (std::size_t listener = 0; listener < shared_.options.listeners.size(); ++listener) {
        for (int i = 0; i < max_accepts_in_a_row; ++i) {
            shared_.gate.reserve_last();
            if (!accept_reserved(listener)) break;
        }
    }
}

void ServingThread::obey() {
    const int link = shared_.options.link;
    std::optional<link::Drain> last_order;
    bool is_suspended = false;
    for (;;) {
        auto received = common::link::receive(link);
        if (received.has_error() || received->state == common::link::ReceiveState::closed) {
            // The master is gone. Nobody reads the log pipes: the app must not see EPIPE.
            silence_output();
            return drain(0);
        }
        if (received->state == common::link::ReceiveState::empty) break;
        const auto order = link::decode_master_order(received->packet.payload);
        if (order.has_error()) {
            note(order.error().message());
            continue;
        }
        if (std::holds_alternative<link::Promote>(*order)) {
            shared_.gate.promote();
            is_suspended = false;
        }
        // At once and in order: another thread may read the Promote that follows.
        if (std::holds_alternative<link::Suspend>(*order)) is_suspended = shared_.gate.suspend(now_us());
        if (std::holds_alternative<link::Stop>(*order)) shared_.gate.finish();
        if (const auto* ordered = std::get_if<link::Drain>(&*order)) last_order = *ordered;
        if (const auto* adopted = std::get_if<link::Adopt>(&*order); adopted && !received->packet.fds.empty()) {
            static_cast<void>(common::link::send(link, link::encode(link::WorkerMessage(link::Adopted{adopted->ticket}))));
            adopt(static_cast<std::size_t>(adopted->listener), std::move(received->packet.fds.front()));
        }
        if (std::holds_alternative<link::Poke>(*order)) {
            for (std::size_t i = 0; i < shared_.options.listeners.size(); ++i) static_cast<void>(accept_one(i));
        }
    }
    shared_.reactor.rearm_link(link);
    if (!last_order && !is_suspended) return;
    if (is_suspended) accept_the_rest();
    if (last_order) drain(std::int64_t{1000} * last_order->patience_ms);
    // The master may have gone in this moment; the end of the link says so.
    static_cast<void>(common::link::send(link, link::encode(link::WorkerMessage(link::Draining{}))));
}

void ServingThread::sweep() {
    Gate& gate = shared_.gate;
    const std::int64_t now = now_us();
    shared_.reactor.unschedule();
    gate.resume_if_due(now);
    if (now >= gate.drain_deadline_us()) return gate.finish();
    std::int64_t earliest = gate.drain_deadline_us();
    shared_.connections.for_each([&](Connection& connection) {
        const Owner owner = connection.owner.load();
        if (owner != Owner::armed && owner != Owner::arming) return;
        const std::int64_t deadline = connection.deadline_us.load(std::memory_order_relaxed);
        if (deadline > now || owner != Owner::armed) {
            earliest = std::min(earliest, deadline);
        } else if (Reactor::claim_for_deadline(connection)) {
            conversation_.time_out(connection);
        }
    });
    if (earliest != INT64_MAX) shared_.reactor.schedule(std::max(earliest, now + shortest_sweep_us));
}

}  // namespace vassal::worker
