// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/worker/reactor.h"

#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <ctime>

namespace vassal::worker {
namespace {

void add(int epoll, int fd, std::uint32_t events, std::uint64_t token) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u64 = token;
    // EEXIST: the listener is in the set already. Anything else would be a descriptor that is not open.
    static_cast<void>(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

}  // namespace

std::int64_t now_us() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

common::Result<void> Reactor::open(int link, bool is_shared) {
    is_shared_ = is_shared;
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) return common::system_error("epoll_create1");
    timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer_) return common::system_error("timerfd_create");
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) return common::system_error("eventfd");
    // Edge-triggered and never read: each expiry wakes one thread.
    add(epoll_.get(), timer_.get(), EPOLLIN | EPOLLET, static_cast<std::uint64_t>(Token::timer));
    add(epoll_.get(), wake_.get(), EPOLLIN, static_cast<std::uint64_t>(Token::wake));
    add(epoll_.get(), link, EPOLLIN | EPOLLONESHOT, static_cast<std::uint64_t>(Token::link));
    return {};
}

void Reactor::close() noexcept {
    epoll_.reset();
    timer_.reset();
    wake_.reset();
}

int Reactor::wait(std::span<epoll_event> events) noexcept {
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    return count < 0 ? 0 : count;  // EINTR: a signal for Python
}

void Reactor::watch_listener(int fd, std::size_t index) noexcept {
    add(epoll_.get(), fd, EPOLLIN | EPOLLEXCLUSIVE, static_cast<std::uint64_t>(Token::first_listener) + index);
}

void Reactor::forget(int fd) noexcept { static_cast<void>(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr)); }

void Reactor::rearm_link(int fd) noexcept {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.u64 = static_cast<std::uint64_t>(Token::link);
    static_cast<void>(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event));
}

void Reactor::wake_all() noexcept {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(wake_.get(), &one, sizeof one));
}

// `arming` before schedule(), both sequentially consistent: the sweep that forgets the timer either sees this deadline
// or is seen by schedule().
Reactor::Armed Reactor::arm(Connection& connection, std::uint32_t events, std::int64_t deadline_us) noexcept {
    const bool is_known = connection.interest != 0;
    const bool needs_call = is_shared_ || connection.interest != events;
    connection.interest = events;
    connection.deadline_us.store(deadline_us, std::memory_order_relaxed);
    connection.owner.store(Owner::arming);
    schedule(deadline_us);
    if (needs_call) {
        epoll_event event{};
        event.events = events | (is_shared_ ? EPOLLONESHOT : 0u);
        event.data.u64 = reinterpret_cast<std::uintptr_t>(&connection);
        if (::epoll_ctl(epoll_.get(), is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, connection.fd, &event) != 0) {
            connection.owner.store(Owner::owned);
            return Armed::failed;
        }
    }
    Owner expected = Owner::arming;
    if (connection.owner.compare_exchange_strong(expected, Owner::armed)) return Armed::yes;
    connection.owner.store(Owner::owned);
    return Armed::fired;
}

bool Reactor::claim_for_event(Connection& connection) noexcept {
    Owner expected = Owner::armed;
    if (connection.owner.compare_exchange_strong(expected, Owner::owned, std::memory_order_seq_cst)) return true;
    if (expected == Owner::arming) {
        if (connection.owner.compare_exchange_strong(expected, Owner::fired, std::memory_order_seq_cst)) return false;
        if (expected != Owner::armed) return false;
        return connection.owner.compare_exchange_strong(expected, Owner::owned, std::memory_order_seq_cst);
    }
    return false;
}

bool Reactor::claim_for_deadline(Connection& connection) noexcept {
    Owner expected = Owner::armed;
    return connection.owner.compare_exchange_strong(expected, Owner::owned, std::memory_order_seq_cst);
}

void Reactor::schedule(std::int64_t time_us) noexcept {
    if (time_us >= next_us_.load()) return;
    const std::lock_guard lock(timer_mutex_);
    if (time_us >= next_us_.load(std::memory_order_relaxed)) return;
    next_us_.store(time_us, std::memory_order_relaxed);
    itimerspec when{};
    when.it_value.tv_sec = time_us / 1'000'000;
    when.it_value.tv_nsec = time_us % 1'000'000 * 1000 + 1;  // zero would disarm it
    static_cast<void>(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr));
}

void Reactor::unschedule() noexcept {
    const std::lock_guard lock(timer_mutex_);
    next_us_.store(INT64_MAX);
}

}  // namespace vassal::worker
