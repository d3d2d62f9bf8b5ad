// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/master.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {  // glibc 2.36 forgot to say so in the header
#include <sys/pidfd.h>
}

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>

#include "vassal/master/master_impl.h"

namespace vassal::master {

namespace {

using boost::system::error_code;
using common::link::LogStream;

// Pipes that processes started by the app still hold open after their worker is gone; the oldest is given up.
constexpr std::size_t orphaned_pipes_limit = 64;

}  // namespace

bool Process::send_signal(int number) const noexcept {
    return pidfd && ::pidfd_send_signal(pidfd.get(), number, nullptr, 0) == 0;
}

Master::Impl::Impl(MasterOptions options)
    : observer_(std::move(options.observer)),
      on_begin_(std::move(options.on_begin)),
      signals_(io_, SIGTERM, SIGINT, SIGCHLD),
      reloads_(reload_spacing(options.standalone.has_value())),
      reload_timer_(io_),
      rendezvous_(io_),
      newcomer_timer_(io_),
      pool_timer_(io_),
      watch_timer_(io_),
      scaling_timer_(io_),
      orphan_timer_(io_),
      hold_timer_(io_),
      on_hold_(std::move(options.on_hold)) {
    // Workers of the mold become our children, and so does what the app leaves behind.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    signals_.add(SIGHUP);
    signals_.add(SIGUSR1);
    std::signal(SIGPIPE, SIG_IGN);
    wait_for_signals();
    if (options.standalone)
        boost::asio::post(
            io_, [this, generation = std::move(*options.standalone)]() mutable { begin(std::move(generation)); });
    else
        connect_emperor(std::move(options.link));
}

Outcome Master::Impl::run() {
    while (outcomes_.empty()) io_.run_one();
    Outcome outcome = std::move(outcomes_.front());
    outcomes_.pop_front();
    return outcome;
}

void Master::Impl::forked(const Outcome& outcome, pid_t pid, int number) {
    const StartFailure failure{"fork", common::system_error("fork", number).message(), ""};
    if (const auto* worker = std::get_if<ForkWorker>(&outcome)) {
        if (pid > 0) return worker_known(worker->place, pid, {});
        return could_not_fork(worker->place, failure);
    }
    if (std::holds_alternative<ForkMold>(outcome)) {
        if (pid > 0) return know(mold_, pid, {});
        mold_failure_ = failure;
        return mold_gone({});
    }
    if (std::holds_alternative<RunCommand>(outcome)) {
        if (pid > 0) return know(command_, pid, {});
        close_process(command_);
        fail({"before_start", failure.reason, ""});
    }
}

void Master::Impl::wait_for_signals() {
    signals_.async_wait([this](error_code error, int number) {
        if (error) return;
        wait_for_signals();
        if (number == SIGCHLD) return reap();
        if (number == SIGUSR1) return log_ ? log_->reopen() : void();
        // A daemon's HUP is no wish to end; the terminal of a stand-alone one has gone.
        if (number == SIGHUP && !(generation_ && generation_->is_standalone)) return;
        on_stop_signal(number);
    });
}

void Master::Impl::on_stop_signal(int number) {
    const char* name = ::sigabbrev_np(number);
    const std::string reason = std::string("SIG") + (name != nullptr ? name : "?");
    stop(++stop_signals_ == 1, reason);
    // At a terminal the second Ctrl-C ends everything now: nobody would wait for `timeouts.kill` there.
    if (stop_signals_ > 1 && generation_ && generation_->is_standalone) stop(false, reason);
}

void Master::Impl::stop(bool is_graceful, const std::string& reason) {
    if (!std::exchange(is_stopping_, true)) report(common::link::Stopping{reason});
    if (is_waiting_for_fix_) return finish(1);
    if (pool_) {
        if (mold_state_ == MoldState::ready) dismiss_mold();
        close_desk();
        return post(StopRequested{is_graceful});
    }
    if (is_holding_) return finish_after_desk(0);
    // Nothing serves yet: a command that runs is of no use any more.
    finish(0);
}

void Master::Impl::reap() {
    for (;;) {
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
        const pid_t pid = info.si_pid;
        // A worker of the mold that ended at once: its first word, with its pid, is still in its link.
        for (Seat& each : seats_)
            if (each.is_taken && each.process.pid == 0 && each.process.link) each.process.link->receive_now();
        siginfo_t reaped{};
        if (::waitid(P_PID, static_cast<id_t>(pid), &reaped, WEXITED | WNOHANG) != 0) return;
        on_exit(pid, ExitStatus::from(reaped));
    }
}

void Master::Impl::on_exit(pid_t pid, const ExitStatus& status) {
    for (const Place place : pool_ ? pool_->places() : std::vector<Place>{})
        if (seat(place).process.pid == pid) return worker_gone(place, explained(status, seat(place).was_killed));
    if (mold_.pid == pid) return mold_gone(explained(status, is_stopping_));
    if (command_.pid == pid) return on_command_exit(explained(status, has_command_timed_out_));
    // Not one of ours by name: something that the app started and left.
}

ExitStatus Master::Impl::explained(ExitStatus status, bool was_killed_by_us) {
    if (status.kind == ExitStatus::Kind::signaled && status.value == SIGKILL && !was_killed_by_us)
        status.is_out_of_memory = oom_watch_.explains(oom_reader_.read(), common::Clock::now());
    return status;
}

void Master::Impl::look_for_oom_kills() { oom_watch_.look(oom_reader_.read(), common::Clock::now()); }

void Master::Impl::finish(int code) {
    static_cast<void>(mold_.send_signal(SIGKILL));
    static_cast<void>(command_.send_signal(SIGKILL));
    kill_leftovers();
    std::vector<LogPipe*> pipes;  // an ended one leaves the list, but lives on until the loop runs again
    for (const auto& pipe : pipes_) pipes.push_back(pipe.get());
    for (LogPipe* pipe : pipes) pipe->finish();
    for (const PastAccessLog& past : past_access_logs_) past.log->finish();
    if (access_log_) access_log_->finish();
    if (log_) log_->flush();
    if (emperor_) emperor_->flush();
    outcomes_.push_back(Exit{code});
}

// What the app started and left is ours now, as subreaper, and "stopped" means that nothing is left. Nobody waits for
// us any more, so this may take its (short, bounded) time.
void Master::Impl::kill_leftovers() {
    for (int round = 0; round < 100; ++round) {
        while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;
        std::ifstream children("/proc/self/task/" + std::to_string(::gettid()) + "/children");
        bool has_any = false;
        for (pid_t pid = 0; children >> pid; has_any = true) ::kill(pid, SIGKILL);  // unreaped: the pid is its own
        if (!has_any) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(round < 10 ? 1 : 10));
    }
}

common::Result<ChildEnds> Master::Impl::open_process(Process& process, int worker, ChannelEnd::OnPacket on_packet,
                                                     ChannelEnd::OnClosed on_closed) {
    auto out = make_log_pipe();
    if (!out) return out.error();
    auto err = make_log_pipe();
    if (!err) return err.error();
    ChildEnds ends;
    if (on_packet) {
        auto channel = common::link::make_channel();
        if (!channel) return channel.error();
        process.link =
            std::make_unique<ChannelEnd>(io_, std::move(channel->first), std::move(on_packet), std::move(on_closed));
        ends.link = std::move(channel->second);
    }
    add_pipe(std::move(out->read), LogStream::out, worker, process.out);
    add_pipe(std::move(err->read), LogStream::err, worker, process.err);
    ends.out = std::move(out->write);
    ends.err = std::move(err->write);
    return ends;
}

void Master::Impl::know(Process& process, pid_t pid, common::UniqueFd pidfd) {
    process.pid = pid;
    // Our unreaped child: the pid cannot mean another process yet.
    process.pidfd = pidfd ? std::move(pidfd) : common::UniqueFd(::pidfd_open(pid, 0));
}

// The process is gone, or never came to be; its last output is taken.
void Master::Impl::close_process(Process& process) {
    if (process.link) process.link->close();
    retire(io_, std::move(process.link));
    for (LogPipe* pipe : {process.out, process.err})
        if (pipe != nullptr) pipe->finish();
    process = Process{};
    forget_pipes();
}

void Master::Impl::add_pipe(common::UniqueFd fd, LogStream stream, int worker, LogPipe*& place) {
    pipes_.push_back(std::make_unique<LogPipe>(io_, std::move(fd), stream, worker, *log_));
    place = pipes_.back().get();
    place->on_end = [this, &place, pipe = place] {
        if (place == pipe) place = nullptr;
        forget_pipes();
    };
}

void Master::Impl::forget_pipes() {
    std::size_t orphans = 0;
    for (auto pipe = pipes_.rbegin(); pipe != pipes_.rend(); ++pipe)
        if ((*pipe)->is_orphaned() && ++orphans > orphaned_pipes_limit) (*pipe)->close();
    for (auto pipe = pipes_.begin(); pipe != pipes_.end();) {
        if (!(*pipe)->is_open()) {
            retire(io_, std::move(*pipe));
            pipe = pipes_.erase(pipe);
        } else {
            ++pipe;
        }
    }
}

Master::Master(MasterOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Master::~Master() = default;

Outcome Master::run() { return impl_->run(); }
void Master::before_fork() { impl_->io_.notify_fork(boost::asio::execution_context::fork_prepare); }
void Master::after_fork_in_parent() { impl_->io_.notify_fork(boost::asio::execution_context::fork_parent); }
void Master::after_fork_in_child() { impl_->io_.notify_fork(boost::asio::execution_context::fork_child); }
void Master::forked(const Outcome& outcome, pid_t pid, int number) { impl_->forked(outcome, pid, number); }
const Generation& Master::generation() const { return *impl_->generation_; }

}  // namespace vassal::master
