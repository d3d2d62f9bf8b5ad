// SPDX-License-Identifier: Apache-2.0
// What the pool commands, done to processes; and what they do, told to the pool.
#include <sys/resource.h>

#include <algorithm>
#include <fstream>

#include "vassal/master/master_impl.h"
#include "vassal/master/request_watch.h"

namespace vassal::master {

namespace {

using boost::system::error_code;
using common::Clock;
using common::link::LogStream;
using common::scoreboard::WorkerState;

std::int64_t milliseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::uint64_t monotonic_us() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count());
}

// Field 22 of /proc/PID/stat; the name in field 2 may contain anything, so count from its last ')'.
std::uint64_t start_ticks(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string stat;
    std::getline(file, stat, '\0');
    std::size_t at = stat.rfind(')');
    for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
    return at == std::string::npos ? 0 : std::strtoull(stat.c_str() + at, nullptr, 10);
}

WorkerState shown(SlotState state) {
    switch (state) {
        case SlotState::empty: return WorkerState::empty;
        case SlotState::starting: return WorkerState::starting;
        case SlotState::ready: return WorkerState::ready;
        case SlotState::serving: return WorkerState::serving;
        case SlotState::draining:
        case SlotState::ending: return WorkerState::draining;
        case SlotState::backoff: break;
    }
    return WorkerState::backoff;
}

template <class T>
void add_one(std::atomic<T>& counter) {
    counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

common::scoreboard::WorkerSlot& Master::Impl::board_slot(int slot) {
    return generation_->scoreboard.board()
        .worker[static_cast<std::size_t>(generation_->bank)][static_cast<std::size_t>(slot) - 1];
}

boost::asio::steady_timer& Master::Impl::timer(int slot) { return slot == 0 ? pool_timer_ : seat(slot).timer; }

// The machine is never entered from inside its own commands: events that they cause wait for their turn.
void Master::Impl::post(PoolEvent event) {
    pool_events_.push_back(std::move(event));
    if (is_in_pool_) return;
    is_in_pool_ = true;
    while (!pool_events_.empty()) {
        const PoolEvent next = std::move(pool_events_.front());
        pool_events_.pop_front();
        const PoolCommands commands = pool_->on(next, Clock::now());
        for (int slot = 1; slot <= pool_->workers(); ++slot) publish(slot);
        for (const PoolCommand& command : commands) std::visit([this](const auto& c) { execute(c); }, command);
    }
    is_in_pool_ = false;
}

void Master::Impl::publish(int slot) {
    board_slot(slot).state.store(static_cast<std::uint32_t>(shown(pool_->slot_state(slot))), std::memory_order_relaxed);
}

void Master::Impl::execute(const Fork& command) {
    const int slot = command.slot;
    Seat& taken = seat(slot);
    taken.is_taken = true;
    taken.kill_when_known = false;
    taken.has_stopped_accepting = false;
    auto ends = open_process(
        taken.process, slot, [this, slot](common::link::Packet& packet) { on_worker_packet(slot, packet); },
        [this, slot] { on_worker_link_closed(slot); });
    if (!ends) return could_not_fork(slot, {"fork", ends.error().message(), ""});
    if (uses_mold()) return fork_through_mold(slot, std::move(*ends));
    outcomes_.push_back(ForkWorker{slot, std::move(*ends)});
}

bool Master::Impl::tell(int slot, const link::MasterOrder& order) {
    const auto& channel = seat(slot).process.link;
    return channel && channel->send(link::encode(order));
}

void Master::Impl::execute(const SendPromote& command) { tell(command.slot, link::Promote{}); }
void Master::Impl::execute(const SendDrain& command) { tell(command.slot, link::Drain{}); }
void Master::Impl::execute(const SendStop& command) { tell(command.slot, link::Stop{}); }

void Master::Impl::execute(const Abort& command) {
    const Process& process = seat(command.slot).process;
    // The signal is for the tracebacks; a core of a big process would take longer than the timeout allows.
    const rlimit none{0, 0};
    ::prlimit(process.pid, RLIMIT_CORE, &none, nullptr);
    static_cast<void>(process.send_signal(SIGABRT));
}

void Master::Impl::execute(const Kill& command) {
    Seat& taken = seat(command.slot);
    if (!taken.is_taken) return;
    if (taken.process.pid != 0) return static_cast<void>(taken.process.send_signal(SIGKILL));
    if (taken.is_waiting_for_mold) {
        taken.is_waiting_for_mold = false;
        taken.ends = {};
        return worker_gone(command.slot, {});
    }
    // Ordered, but its pid is not known yet. A second wish means that the mold hangs.
    if (std::exchange(taken.kill_when_known, true)) static_cast<void>(mold_.send_signal(SIGKILL));
}

void Master::Impl::execute(const ArmTimer& command) {
    timer(command.slot).expires_at(command.deadline);
    timer(command.slot).async_wait([this, slot = command.slot, deadline = command.deadline](error_code error) {
        // One that was replaced while its handler was queued is not meant any more.
        if (!error && timer(slot).expiry() == deadline) post(TimerFired{slot});
    });
}

void Master::Impl::execute(const DisarmTimer& command) { timer(command.slot).expires_at(TimePoint::max()); }

void Master::Impl::execute(const ReportReady&) {
    report(common::link::Ready{milliseconds(Clock::now() - started_at_)});
    if (generation_->is_standalone) post(PromoteRequested{});
}

void Master::Impl::execute(const ReportPromoted&) {
    report(common::link::Promoted{});
    if (generation_->config.timeouts.request.count() > 0) look_at_requests_now();
}

void Master::Impl::execute(const ReportFailed& command) {
    report(common::link::Failed{command.failure.step, command.failure.reason, command.failure.detail});
}

void Master::Impl::execute(const ReportStarted& command) {
    report(common::link::WorkerStarted{command.slot, command.pid});
}

void Master::Impl::execute(const ReportExited& command) {
    auto& board = board_slot(command.slot);
    if (!command.is_expected) add_one(board.crashes);
    if (!command.is_expected && command.status.kind == ExitStatus::Kind::signaled) add_one(board.signal_deaths);
    if (command.is_timeout) add_one(board.timeouts);
    report(common::link::WorkerExited{command.slot, seat(command.slot).last_pid, command.status, command.reason,
                                      command.is_expected, milliseconds(command.retry)});
    // A connection that this worker was woken for may sit in the backlog beside an idle sibling.
    poke_workers();
}

void Master::Impl::execute(const ReportServing& command) {
    report(common::link::ServingChanged{command.is_serving, command.reason, milliseconds(command.retry)});
}

void Master::Impl::execute(const Finished& command) { finish(command.code); }

void Master::Impl::on_worker_packet(int slot, common::link::Packet& packet) {
    auto message = link::decode_worker_message(packet.payload);
    if (!message) return;  // the app may hold this descriptor: its noise means nothing
    if (const auto* started = std::get_if<link::Started>(&*message)) {
        if (seat(slot).process.pid != 0 || packet.fds.empty()) return;
        return worker_known(slot, started->pid, std::move(packet.fds.front()));
    }
    if (std::holds_alternative<link::Ready>(*message)) return post(WorkerReady{slot});
    if (std::holds_alternative<link::Draining>(*message)) {
        seat(slot).has_stopped_accepting = true;
        return report_draining();
    }
    if (const auto* wish = std::get_if<link::ReloadWanted>(&*message)) return on_reload_wanted(slot, wish->reason);
    if (auto* failed = std::get_if<link::Failed>(&*message)) {
        // When a start has failed already, the others have the same story to tell.
        if (pool_->state() != PoolState::stopping) log_detail(slot, failed->detail);
        post(WorkerFailed{slot, {failed->step, failed->reason, failed->detail}});
    }
}

// A traceback belongs to the app's log, line by line.
void Master::Impl::log_detail(int worker, std::string_view detail) {
    while (!detail.empty()) {
        const std::size_t newline = detail.find('\n');
        log_->line(LogStream::err, worker, detail.substr(0, newline));
        detail.remove_prefix(newline == std::string_view::npos ? detail.size() : newline + 1);
    }
    log_->flush();
}

void Master::Impl::on_worker_link_closed(int slot) {
    // Without a pid nobody was forked: the mold gave the other end up.
    if (seat(slot).process.pid == 0)
        return could_not_fork(slot, mold_failure_.value_or(StartFailure{"fork", "the mold did not fork it", ""}));
    post(LinkLost{slot});
}

void Master::Impl::worker_known(int slot, pid_t pid, common::UniqueFd pidfd) {
    Seat& taken = seat(slot);
    know(taken.process, pid, std::move(pidfd));
    auto& board = board_slot(slot);
    const auto threads =
        static_cast<std::uint32_t>(std::clamp(generation_->config.threads, 1, common::scoreboard::max_threads));
    const auto epoch = std::chrono::system_clock::now().time_since_epoch();
    board.requests_at_spawn.store(common::scoreboard::sum_requests(board));
    board.pid_start_ticks.store(start_ticks(pid));
    board.spawned_epoch_us.store(
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(epoch).count()));
    board.generation.store(generation_->number);
    board.threads.store(threads);
    board.most_threads.store(std::max(threads, board.most_threads.load()));
    board.pid.store(pid);
    add_one(board.spawns);
    if (taken.kill_when_known) static_cast<void>(taken.process.send_signal(SIGKILL));
    post(WorkerForked{slot, pid});
}

void Master::Impl::worker_gone(int slot, const ExitStatus& status) {
    Seat& taken = seat(slot);
    if (!taken.is_taken) return;
    taken.is_taken = false;
    if (taken.process.link && taken.process.pid != 0) taken.process.link->receive_now();  // its last words
    taken.last_pid = taken.process.pid;
    close_process(taken.process);
    auto& board = board_slot(slot);
    board.pid.store(0);
    const auto threads = std::min<std::size_t>(board.threads.load(), common::scoreboard::max_threads);
    // Its requests ended with it; nobody else writes these slots now.
    for (std::size_t i = 0; i < threads; ++i) board.thread[i].request_started_us.store(0);
    post(WorkerExited{slot, status});
    report_draining();
}

// Said once, when the last worker has let go of the listeners or is gone.
void Master::Impl::report_draining() {
    if (!is_stopping_ || is_draining_reported_) return;
    const bool is_accepting = std::ranges::any_of(
        seats_, [](const Seat& each) { return each.is_taken && !each.has_stopped_accepting; });
    if (is_accepting) return;
    is_draining_reported_ = true;
    report(common::link::Draining{});
}

void Master::Impl::could_not_fork(int slot, const StartFailure& failure) {
    if (!seat(slot).is_taken) return;
    post(WorkerFailed{slot, failure});
    worker_gone(slot, {});
}

void Master::Impl::look_at_requests_now() {
    std::vector<WatchedWorker> workers;
    for (int slot = 1; slot <= pool_->workers(); ++slot) {
        const SlotState state = pool_->slot_state(slot);
        if (state == SlotState::serving || state == SlotState::draining) workers.push_back({slot, &board_slot(slot)});
    }
    const auto& config = generation_->config;
    const auto timeout = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(config.timeouts.request).count());
    const WatchResult seen = look_at_requests(workers, config.threads, monotonic_us(), timeout);
    for (const OverdueRequest& overdue : seen.overdue) {
        const std::string reason = timeout_text(overdue);
        log_->say(reason + " (worker " + std::to_string(overdue.slot) + ", pid " +
                      std::to_string(seat(overdue.slot).process.pid) + ")",
                  overdue.slot);
        post(RequestTimedOut{overdue.slot, reason});
    }
    watch_requests(seen.next_look_us);
}

void Master::Impl::watch_requests(std::uint64_t at_us) {
    watch_timer_.expires_at(TimePoint(std::chrono::microseconds(at_us)) + std::chrono::milliseconds(1));
    watch_timer_.async_wait([this](error_code error) {
        if (!error && pool_->state() != PoolState::finished) look_at_requests_now();
    });
}

// The beginning of a request is announced, its end is not.
bool Master::Impl::is_in_request() {
    for (int slot = 1; slot <= pool_->workers(); ++slot) {
        const auto& board = board_slot(slot);
        const auto threads = std::min<std::size_t>(board.threads.load(), common::scoreboard::max_threads);
        for (std::size_t i = 0; i < threads; ++i)
            if (board.thread[i].request_started_us.load(std::memory_order_relaxed) != 0) return true;
    }
    return false;
}

bool Master::Impl::tick() { return pool_ && is_in_request(); }

void Master::Impl::poke_workers() {
    for (int slot = 1; slot <= pool_->workers(); ++slot)
        if (pool_->slot_state(slot) == SlotState::serving) tell(slot, link::Poke{});
}

}  // namespace vassal::master
