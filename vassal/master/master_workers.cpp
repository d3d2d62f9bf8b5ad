// SPDX-License-Identifier: Apache-2.0
// What the workers do, told to the pool.
#include <algorithm>
#include <fstream>
#include <utility>

#include "vassal/master/master_impl.h"

namespace vassal::master {

namespace {

using common::Clock;
using common::link::LogStream;

// Field 22 of /proc/PID/stat; the name in field 2 may contain anything, so count from its last ')'.
std::uint64_t start_ticks(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string stat;
    std::getline(file, stat, '\0');
    std::size_t at = stat.rfind(')');
    for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
    return at == std::string::npos ? 0 : std::strtoull(stat.c_str() + at, nullptr, 10);
}

}  // namespace

common::scoreboard::WorkerSlot& Master::Impl::board_slot(Place place) {
    return generation_->scoreboard.board()
        .worker[common::scoreboard::row_of(generation_->bank, place.lane)][static_cast<std::size_t>(place.slot) - 1];
}

void Master::Impl::on_worker_packet(Place place, common::link::Packet& packet) {
    auto message = link::decode_worker_message(packet.payload);
    if (!message) return;  // the app may hold this descriptor: its noise means nothing
    if (const auto* started = std::get_if<link::Started>(&*message)) {
        if (seat(place).process.pid != 0 || packet.fds.empty()) return;
        return worker_known(place, started->pid, std::move(packet.fds.front()));
    }
    if (std::holds_alternative<link::Ready>(*message)) {
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - seat(place).forked_at);
        board_slot(place).startup_us.store(static_cast<std::uint64_t>(took.count()));
        return post(WorkerReady{place});
    }
    if (const auto* probing = std::get_if<link::Probing>(&*message)) {
        if (pool_->state() == PoolState::starting && !std::exchange(is_probing_reported_, true))
            report(common::link::Step{"health"});
        return post(WorkerProbing{place, probing->failure});
    }
    if (const auto* handover = std::get_if<link::Handover>(&*message)) {
        if (!packet.fds.empty()) take_orphan({handover->listener, std::move(packet.fds.front())});
        return;
    }
    if (const auto* adopted = std::get_if<link::Adopted>(&*message)) {
        seat(place).given.erase(adopted->ticket);
        return;
    }
    if (std::holds_alternative<link::Draining>(*message)) {
        seat(place).has_stopped_accepting = true;
        // It accepted what it was woken for, up to a bound; a sibling takes the rest.
        poke_workers();
        report_suspended();
        return report_draining();
    }
    if (const auto* sources = std::get_if<link::Sources>(&*message)) {
        const bool is_starting = pool_->process_state(place) == ProcessState::starting;
        const TimePoint loaded_at = Clock::now() - std::chrono::milliseconds(std::max(sources->age_ms, 0));
        return on_sources(sources->files, is_starting ? seat(place).forked_at : loaded_at);
    }
    if (const auto* wish = std::get_if<link::ReloadWanted>(&*message)) return on_reload_wanted(place, wish->reason);
    if (auto* failed = std::get_if<link::Failed>(&*message)) {
        // When a start has failed already, the others have the same story to tell.
        // Of a health check it has told already, attempt by attempt.
        if (pool_->state() != PoolState::stopping && failed->step != "health") log_detail(place.slot, failed->detail);
        post(WorkerFailed{place, {failed->step, failed->reason, failed->detail}});
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

void Master::Impl::on_worker_link_closed(Place place) {
    // Without a pid nobody was forked: the mold gave the other end up.
    if (seat(place).process.pid == 0)
        return could_not_fork(place, mold_failure_.value_or(StartFailure{"fork", "the mold did not fork it", ""}));
    post(LinkLost{place});
}

void Master::Impl::worker_known(Place place, pid_t pid, common::UniqueFd pidfd) {
    Seat& taken = seat(place);
    know(taken.process, pid, std::move(pidfd));
    auto& board = board_slot(place);
    const auto threads = static_cast<std::uint32_t>(taken.threads);
    const auto epoch = std::chrono::system_clock::now().time_since_epoch();
    board.requests_at_spawn.store(common::scoreboard::sum_requests(board));
    board.startup_us.store(0);
    board.unfinished.store(0);  // of one before, whose master was killed
    board.pid_start_ticks.store(start_ticks(pid));
    board.spawned_epoch_us.store(
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(epoch).count()));
    board.generation.store(generation_->number);
    board.threads.store(threads);
    board.most_threads.store(std::max(threads, board.most_threads.load()));
    board.pid.store(pid);
    board.spawns.fetch_add(1, std::memory_order_relaxed);
    if (taken.kill_when_known) static_cast<void>(taken.process.send_signal(SIGKILL));
    post(WorkerForked{place, pid});
}

void Master::Impl::worker_gone(Place place, const ExitStatus& status) {
    Seat& taken = seat(place);
    if (!taken.is_taken) return;
    taken.is_taken = false;
    if (taken.process.link && taken.process.pid != 0) taken.process.link->receive_now();  // its last words
    taken.last_pid = taken.process.pid;
    close_process(taken.process);
    for (auto& [ticket, orphan] : std::exchange(taken.given, {})) take_orphan(std::move(orphan));
    drain_access_logs();  // before a successor goes on in its rings, and its end is told
    auto& board = board_slot(place);
    board.pid.store(0);
    board.unfinished.store(0);
    const auto threads = std::min<std::size_t>(board.threads.load(), common::scoreboard::max_threads);
    // Its requests ended with it; nobody else writes these slots now.
    for (std::size_t i = 0; i < threads; ++i) board.thread[i].request_started_us.store(0);
    post(WorkerExited{place, status});
    report_suspended();
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

// The same for a suspension. One that starts meanwhile accepts nothing before it is told to.
void Master::Impl::report_suspended() {
    if (is_suspension_reported_ || !pool_->is_suspended()) return;
    for (const ProcessState state : {ProcessState::serving, ProcessState::draining}) {
        for (const Place place : pool_->places(state))
            if (!seat(place).has_stopped_accepting) return;
    }
    is_suspension_reported_ = true;
    report(common::link::Suspended{});
}

void Master::Impl::could_not_fork(Place place, const StartFailure& failure) {
    if (!seat(place).is_taken) return;
    post(WorkerFailed{place, failure});
    worker_gone(place, {});
}

void Master::Impl::poke_workers() {
    if (pool_->is_suspended()) return;
    for (const Place place : pool_->places(ProcessState::serving)) tell(place, link::Poke{});
}

}  // namespace vassal::master
