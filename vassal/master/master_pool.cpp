// SPDX-License-Identifier: Apache-2.0
// What the pool commands, done to processes.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <limits>
#include <utility>

#include "vassal/link/signals.h"
#include "vassal/master/master_impl.h"

namespace vassal::master {

namespace {

using boost::system::error_code;
using common::Clock;
using common::scoreboard::WorkerState;

static_assert(lanes == common::scoreboard::lanes);

WorkerState shown(ProcessState state) {
    switch (state) {
        case ProcessState::empty: return WorkerState::empty;
        case ProcessState::starting: return WorkerState::starting;
        case ProcessState::ready: return WorkerState::ready;
        case ProcessState::serving: return WorkerState::serving;
        case ProcessState::draining:
        case ProcessState::ending: break;
    }
    return WorkerState::draining;
}

// By the last word of the pool's reason: "recycled: 1000 requests", "recycled: 210 MiB resident", "recycled: 3600 s old".
constexpr std::string_view recycled_text = "recycled: ";
std::atomic<std::uint64_t>& recycled(common::scoreboard::WorkerSlot& board, std::string_view reason) {
    if (reason.ends_with(" requests")) return board.recycled_requests;
    return reason.ends_with(" resident") ? board.recycled_memory : board.recycled_age;
}

template <class T>
void add_one(std::atomic<T>& counter) {
    counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// The machine is never entered from inside its own commands: events that they cause wait for their turn.
void Master::Impl::post(PoolEvent event) {
    pool_events_.push_back(std::move(event));
    if (is_in_pool_) return;
    is_in_pool_ = true;
    while (!pool_events_.empty()) {
        const PoolEvent next = std::move(pool_events_.front());
        pool_events_.pop_front();
        const PoolCommands commands = pool_->on(next, Clock::now());
        publish();
        for (const PoolCommand& command : commands) std::visit([this](const auto& c) { execute(c); }, command);
    }
    is_in_pool_ = false;
    wait_for_deadline();
}

void Master::Impl::publish() {
    auto& board = generation_->scoreboard.board();
    for (int slot = 1; slot <= pool_->workers(); ++slot) {
        const bool is_in_backoff = pool_->is_in_backoff(slot);
        for (int lane = 0; lane < lanes; ++lane) {
            WorkerState state = shown(pool_->process_state({slot, lane}));
            if (state == WorkerState::empty && is_in_backoff) state = WorkerState::backoff;
            const std::size_t row = common::scoreboard::row_of(generation_->bank, lane);
            const auto worker = static_cast<std::size_t>(slot) - 1;
            // Without need a slot is not even read: untouched pages of the board cost nothing.
            if (state == WorkerState::empty && !common::scoreboard::is_used(board, row, worker)) continue;
            common::scoreboard::use(board, row, worker);
            auto& place = board_slot({slot, lane}).state;
            if (place.load(std::memory_order_relaxed) != static_cast<std::uint32_t>(state))
                place.store(static_cast<std::uint32_t>(state), std::memory_order_relaxed);
        }
    }
}

void Master::Impl::wait_for_deadline() {
    const TimePoint deadline = pool_->deadline();
    if (pool_timer_.expiry() == deadline) return;
    pool_timer_.expires_at(deadline);
    pool_timer_.async_wait([this, deadline](error_code error) {
        // One that was replaced while its handler was queued is not meant any more.
        if (error || pool_timer_.expiry() != deadline) return;
        pool_timer_.expires_at(TimePoint::max());
        post(TimePassed{});
    });
}

void Master::Impl::execute(const Fork& command) {
    const Place place = command.at;
    Seat& taken = seat(place);
    taken.is_taken = true;
    taken.kill_when_known = false;
    taken.was_killed = false;
    taken.has_stopped_accepting = false;
    taken.threads = std::clamp(generation_->config.threads, 1, common::scoreboard::max_threads);
    taken.forked_at = Clock::now();
    look_for_oom_kills();
    auto ends = open_process(
        taken.process, place.slot, [this, place](common::link::Packet& packet) { on_worker_packet(place, packet); },
        [this, place] { on_worker_link_closed(place); });
    if (!ends) return could_not_fork(place, {"fork", ends.error().message(), ""});
    if (uses_mold()) return fork_through_mold(place, std::move(*ends));
    outcomes_.push_back(ForkWorker{place, std::move(*ends)});
}

bool Master::Impl::tell(Place place, const link::MasterOrder& order) {
    const auto& channel = seat(place).process.link;
    return channel && channel->send(link::encode(order));
}

void Master::Impl::execute(const SendPromote& command) { tell(command.at, link::Promote{}); }
void Master::Impl::execute(const SendSuspend& command) { tell(command.at, link::Suspend{}); }
void Master::Impl::execute(const SendStop& command) { tell(command.at, link::Stop{}); }

void Master::Impl::execute(const SendDrain& command) {
    const std::int64_t patience = std::min<std::int64_t>(in_milliseconds(command.patience), std::numeric_limits<int>::max());
    tell(command.at, link::Drain{static_cast<int>(patience)});
}

void Master::Impl::execute(const Interrupt& command) {
    signal_thread(command.at, command.thread, link::request_timeout_signal(), command.sequence);
}

void Master::Impl::signal_thread(Place place, int index, int number, std::uint64_t sequence) {
    const auto& thread = board_slot(place).thread[static_cast<std::size_t>(index)];
    const pid_t pid = seat(place).process.pid;
    // The kernel sees to it that the thread is one of this process, whatever the scoreboard says. And the process is our
    // unreaped child: its pid cannot mean another one.
    const pid_t thread_id = thread.thread_id.load(std::memory_order_relaxed);
    if (pid <= 0 || thread_id <= 0) return;
    siginfo_t info{};
    info.si_signo = number;
    info.si_code = SI_QUEUE;
    info.si_pid = ::getpid();
    info.si_uid = ::getuid();
    info.si_value.sival_int = link::timeout_value(sequence);
    ::syscall(SYS_rt_tgsigqueueinfo, pid, thread_id, info.si_signo, &info);
}

void Master::Impl::execute(const InterruptAll& command) {
    const auto& board = board_slot(command.at);
    const auto threads = std::min<std::size_t>(board.threads.load(), common::scoreboard::max_threads);
    for (std::size_t i = 0; i < threads; ++i) {
        if (board.thread[i].request_started_us.load(std::memory_order_acquire) == 0) continue;
        execute(Interrupt{command.at, static_cast<int>(i), board.thread[i].request_sequence.load(std::memory_order_relaxed)});
    }
}

void Master::Impl::execute(const Kill& command) {
    Seat& taken = seat(command.at);
    if (!taken.is_taken) return;
    taken.was_killed = true;
    if (taken.process.pid != 0) return static_cast<void>(taken.process.send_signal(SIGKILL));
    if (taken.is_waiting_for_mold) {
        taken.is_waiting_for_mold = false;
        taken.ends = {};
        return worker_gone(command.at, {});
    }
    // Ordered, but its pid is not known yet. A second wish means that the mold hangs.
    if (std::exchange(taken.kill_when_known, true)) static_cast<void>(mold_.send_signal(SIGKILL));
}

void Master::Impl::execute(const ReportReady&) {
    report(common::link::Ready{in_milliseconds(Clock::now() - started_at_)});
    if (generation_->is_standalone) post(PromoteRequested{});
}

void Master::Impl::execute(const ReportPromoted&) {
    report(common::link::Promoted{});
    if (!pending_change_.empty()) reload_for_sources(std::exchange(pending_change_, {}));
    if (generation_->config.timeouts.request.count() > 0) look_at_requests_now();
}

void Master::Impl::execute(const ReportResumed&) {
    is_suspension_reported_ = true;
    for (Seat& each : seats_) each.has_stopped_accepting = false;
    report(common::link::Resumed{});
}

void Master::Impl::execute(const ReportFailed& command) {
    has_failed_ = true;
    if (!failed_sources_.empty()) report(common::link::FailedSources{failed_sources_});
    report(common::link::Failed{command.failure.step, command.failure.reason, command.failure.detail});
}

void Master::Impl::execute(const ReportStarted& command) {
    report(common::link::WorkerStarted{command.at.slot, command.pid});
}

void Master::Impl::execute(const ReportExited& command) {
    auto& board = board_slot(command.at);
    if (!command.is_expected) add_one(board.crashes);
    // Each end has one cause: a worker that is killed because of its request is no other death.
    if (command.is_timeout) {
        add_one(board.timeouts);
    } else if (!command.is_expected && command.status.kind == ExitStatus::Kind::signaled) {
        add_one(board.signal_deaths);
        if (command.status.is_out_of_memory) add_one(board.oom_kills);
    } else if (command.is_expected && command.reason.starts_with(recycled_text)) {
        add_one(recycled(board, command.reason));
    }
    report(common::link::WorkerExited{command.at.slot, seat(command.at).last_pid, command.status, command.reason,
                                      command.is_expected, in_milliseconds(command.retry)});
    // A connection that this worker was woken for may sit in the backlog beside an idle sibling.
    poke_workers();
}

void Master::Impl::execute(const ReportServing& command) {
    serving_changed(command);
}

void Master::Impl::execute(const Finished& command) {
    give_orphans_away();
    if (has_failed_ && source_watch_ && generation_->is_standalone && !is_stopping_) return wait_for_fix();
    finish_after_desk(command.code);
}

}  // namespace vassal::master
