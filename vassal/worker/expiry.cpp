// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/expiry.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "vassal/link/signals.h"
#include "vassal/worker/handover.h"
#include "vassal/worker/signal_text.h"

namespace vassal::worker {
namespace {

constexpr std::int64_t same_moment_us = 1'000'000;

// The handler's only way to what it is about. Null in threads that serve nothing.
thread_local Expiry* mine = nullptr;

}  // namespace

Expiry::Expiry(Shared& shared, common::scoreboard::ThreadSlot& slot, Meter& meter, ResponseSink& sink,
               AccessWriter& access, const protocol::Head& head)
    : shared_(shared), slot_(slot), meter_(meter), sink_(sink), access_(access), head_(head), stack_(sink) {
    for (protocol::TextBuffer* text : {&text_.fields, &text_.reply, &text_.framed}) text->append(" ");  // makes room
    mine = this;
}

Expiry::~Expiry() { mine = nullptr; }

void Expiry::handle(int, siginfo_t* info, void*) noexcept {
    const int error = errno;
    if (mine != nullptr) mine->judge(info->si_value.sival_int);
    errno = error;
}

void Expiry::judge(int value) noexcept {
    // The request may have ended, and the next one begun, since the master looked.
    if (slot_.request_started_us.load(std::memory_order_relaxed) == 0 || sink_.is_expired() ||
        link::timeout_value(slot_.request_sequence.load(std::memory_order_relaxed)) != value ||
        shared_.is_forked_child.load(std::memory_order_relaxed)) {
        return;
    }
    const int status = sink_.expire(text_);
    meter_.count_response(status);
    meter_.served(now_us() - static_cast<std::int64_t>(slot_.request_started_us.load(std::memory_order_relaxed)));
    if (access_.is_on()) log_answer(status);
    report();
    held_lock_ = shared_.application.holds_lock();
    if (held_lock_) shared_.stuck_with_lock.fetch_add(1);
    shared_.gate.add_stuck();
    shared_.gate.end_if_only_stuck_are_left();
    if (!is_nobody_left()) return;
    give_connections_away(shared_, text_);
    ::_exit(0);
}

// The thread is in the app, not in the writer, which needs memory that is there and no lock.
void Expiry::log_answer(int status) noexcept {
    access_.write({.head = &head_,
                   .peer = {},
                   .first_line = {},
                   .request_id = sink_.request_id(),
                   .fields = {},
                   .status = status,
                   .bytes = sink_.body_size(),
                   .began_us = static_cast<std::int64_t>(slot_.request_started_us.load(std::memory_order_relaxed)),
                   .ended_us = now_us()});
}

void Expiry::report() noexcept {
    SignalText text;
    text.append("emperor: request timeout in worker ").append_number(shared_.options.worker);
    text.append(" (pid ").append_number(::getpid()).append("): request ").append_escaped(sink_.request_id());
    text.append(" ").append_escaped(request_line(slot_)).write_line();
    // One dump shows all threads. Those that expire in the same moment are in it.
    const std::int64_t now = now_us();
    std::int64_t last = shared_.last_dump_us.load();
    if (last != 0 && now - last < same_moment_us) return;
    if (shared_.last_dump_us.compare_exchange_strong(last, now)) dump_tracebacks(shared_.application);
}

// A thread that waits for the lock to accept somebody does so for ever when a stuck one holds it.
bool Expiry::is_nobody_left() const noexcept {
    int lost = shared_.gate.stuck();
    if (shared_.stuck_with_lock.load() > 0) {
        const auto all = std::span(shared_.options.slot->thread).first(static_cast<std::size_t>(shared_.threads));
        lost += static_cast<int>(std::ranges::count_if(all, [](const common::scoreboard::ThreadSlot& slot) {
            return slot.lock_wait.load(std::memory_order_relaxed) % 2 == 1;
        }));
    }
    return lost >= shared_.threads;
}

void Expiry::come_back() noexcept {
    if (held_lock_) shared_.stuck_with_lock.fetch_sub(1);
    held_lock_ = false;
    meter_.end_counted_request();
    shared_.gate.remove_stuck();
}

ExpirySignal::ExpirySignal() noexcept {
    struct sigaction action {};
    action.sa_sigaction = &Expiry::handle;
    // Libraries that know nothing of signals should not see EINTR.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    // Everything but faults, which would kill in silence: dump_tracebacks() expects them.
    ::sigfillset(&action.sa_mask);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::sigdelset(&action.sa_mask, fault);
    ::sigaction(link::request_timeout_signal(), &action, &before_);
}

ExpirySignal::~ExpirySignal() { ::sigaction(link::request_timeout_signal(), &before_, nullptr); }

}  // namespace vassal::worker
