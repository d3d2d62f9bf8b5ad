// SPDX-License-Identifier: Apache-2.0
// The insides of Master, for its own .cpp files only (it drags Asio along).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <list>
#include <vector>

#include "common/base/oom_kills.h"
#include "common/base/spacing.h"
#include "vassal/link/worker_messages.h"
#include "vassal/master/access_log.h"
#include "vassal/master/activity_watch.h"
#include "vassal/master/app_log.h"
#include "vassal/master/channel_end.h"
#include "vassal/master/hold_desk.h"
#include "vassal/master/lock_watch.h"
#include "vassal/master/log_pipe.h"
#include "vassal/master/master.h"
#include "vassal/master/scaling.h"
#include "vassal/master/slow_watch.h"
#include "vassal/master/source_watch.h"
#include "vassal/master/worker_pool.h"

namespace vassal::master {

// What the pool needs of a configuration.
[[nodiscard]] PoolOptions pool_options(const common::config::VassalConfig& config);
[[nodiscard]] ScalingOptions scaling_options(const PoolOptions& options);

// As messages to the emperor tell of times.
[[nodiscard]] inline std::int64_t in_milliseconds(Duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

// A process that we forked, held by its pidfd from the moment its pid is known.
struct Process {
    pid_t pid = 0;
    common::UniqueFd pidfd;
    std::unique_ptr<ChannelEnd> link;
    LogPipe* out = nullptr;  // owned by Impl::pipes_
    LogPipe* err = nullptr;

    [[nodiscard]] bool send_signal(int number) const noexcept;
};

struct Orphan {  // a connection whose worker will never read it
    int listener;
    common::UniqueFd connection;
};

struct Seat {  // the process at one place of the pool
    Process process;
    pid_t last_pid = 0;
    bool is_taken = false;         // from the Fork command to the exit
    bool is_waiting_for_mold = false;
    bool kill_when_known = false;
    bool was_killed = false;       // by us
    bool has_stopped_accepting = false;
    int threads = 1;               // it was told to have
    ChildEnds ends;                // while it waits for the mold
    TimePoint forked_at{};
    std::map<int, Orphan> given;   // by ticket: what it has been given and not taken from its link
};

class Master::Impl {
public:
    explicit Impl(MasterOptions options);

    Outcome run();
    void forked(const Outcome& outcome, pid_t pid, int number);

    boost::asio::io_context io_{1};
    std::optional<Generation> generation_;

private:
    // master.cpp
    void wait_for_signals();
    void on_stop_signal(int number);
    void stop(bool is_graceful, const std::string& reason);
    void reap();
    void on_exit(pid_t pid, const ExitStatus& status);
    void finish(int code);
    void kill_leftovers();
    // The same, with the kernel's word about a SIGKILL that was not ours.
    [[nodiscard]] ExitStatus explained(ExitStatus status, bool was_killed_by_us);
    void look_for_oom_kills();
    // nullopt and an error when descriptors or memory are short
    common::Result<ChildEnds> open_process(Process& process, int worker, ChannelEnd::OnPacket on_packet,
                                           ChannelEnd::OnClosed on_closed);
    void know(Process& process, pid_t pid, common::UniqueFd pidfd);
    void close_process(Process& process);
    void add_pipe(common::UniqueFd fd, common::link::LogStream stream, int worker, LogPipe*& place);
    void forget_pipes();

    // master_start.cpp
    void begin(Generation generation);
    void run_before_start();
    void on_command_exit(const ExitStatus& status);
    void begin_pool();
    void watch_activity();
    common::Result<void> open_access_log(const common::config::VassalConfig& config);
    void fail(StartFailure failure);

    // master_reconfigure.cpp
    void on_reconfigure(common::link::Reconfigure& order);
    common::Result<bool> use(common::config::VassalConfig config);
    void use_workers();
    common::Result<bool> renew_access_log(const common::config::VassalConfig& next);
    void drain_access_logs();
    void renew_mold();
    void execute(const ReportRolled& command);
    void execute(const ReportRollStalled& command);

    // master_pool.cpp
    void post(PoolEvent event);
    void publish();
    void wait_for_deadline();
    void execute(const Fork& command);
    void execute(const SendPromote& command);
    void execute(const SendDrain& command);
    void execute(const SendStop& command);
    void execute(const Interrupt& command);
    void execute(const InterruptAll& command);
    void execute(const Kill& command);
    void execute(const ReportReady& command);
    void execute(const ReportPromoted& command);
    void execute(const ReportFailed& command);
    void execute(const ReportStarted& command);
    void execute(const ReportExited& command);
    void execute(const ReportServing& command);
    void execute(const Finished& command);
    void execute(const SendSuspend& command);
    void execute(const ReportResumed& command);
    // master_workers.cpp
    void on_worker_packet(Place place, common::link::Packet& packet);
    void on_worker_link_closed(Place place);
    void worker_known(Place place, pid_t pid, common::UniqueFd pidfd);
    void worker_gone(Place place, const ExitStatus& status);
    void could_not_fork(Place place, const StartFailure& failure);
    void poke_workers();
    void report_draining();
    void report_suspended();
    void log_detail(int worker, std::string_view detail);
    bool tell(Place place, const link::MasterOrder& order);
    [[nodiscard]] common::scoreboard::WorkerSlot& board_slot(Place place);
    [[nodiscard]] Seat& seat(Place place) {
        return seats_[static_cast<std::size_t>(lanes * (place.slot - 1) + place.lane)];
    }

    // master_tick.cpp
    // Every link::Activity::tick while workers are active. True: look again even without news.
    bool tick();
    [[nodiscard]] int busy_threads();
    void recycle_where_due();
    void scale();
    void watch_requests(std::uint64_t at_us);
    void look_at_requests_now();
    void watch_requests_from_now();
    [[nodiscard]] std::uint64_t request_timeout_us() const;
    [[nodiscard]] std::vector<WatchedWorker> watched_workers();
    [[nodiscard]] int watched_threads();
    void watch_slow_requests();
    void sample_slow_requests();
    void signal_thread(Place place, int thread, int number, std::uint64_t sequence);

    // master_reload.cpp
    [[nodiscard]] static common::Spacing reload_spacing(bool is_standalone);
    void on_reload_wanted(Place place, const std::string& reason);

    // master_sources.cpp
    common::Result<void> watch_sources();
    // Read then at the earliest.
    void on_sources(const std::vector<std::string>& files, TimePoint loaded_at);
    void on_sources_changed(const std::vector<std::string>& paths);
    void reload_for_sources(const std::string& cause, const std::vector<std::string>& paths = {});
    void roll(const std::string& cause, bool is_retried);
    void wait_for_fix();
    void start_again();

    // master_siblings.cpp
    // True: a thread cannot accept the connection that it was woken for; its siblings were poked.
    bool look_at_lock_waits();
    void take_orphan(Orphan orphan);
    void give_orphans_away();

    // master_hold.cpp
    void serving_changed(const ReportServing& command);
    void report_refusal();
    void hold_clients();
    void open_desk(std::span<const Listener> listeners, std::function<std::uint64_t()> retry_after);
    void close_desk();
    void desk_is_empty();
    void finish_after_desk(int code);
    void on_hold(common::link::Hold& hold, std::vector<common::UniqueFd>& fds);

    // master_mold.cpp
    [[nodiscard]] bool uses_mold() const;
    void fork_through_mold(Place place, ChildEnds ends);
    void start_mold();
    void on_mold_packet(common::link::Packet& packet);
    void serve_waiting_seats();
    void fail_waiting_seats(const StartFailure& failure);
    void mold_gone(const ExitStatus& status);
    void dismiss_mold();
    // The next worker that is needed comes from a new one.
    void replace_mold();

    // master_emperor.cpp
    void connect_emperor(common::UniqueFd link);
    void on_emperor_lost();
    void on_emperor_packet(common::link::Packet& packet);
    void on_start(common::link::Start& start, std::vector<common::UniqueFd>& fds);
    void listen_on_rendezvous(common::UniqueFd fd);
    void accept_newcomer();
    void on_newcomer_packet(common::link::Packet& packet);
    void dismiss_newcomer();
    void adopt(common::UniqueFd link);
    void report(const common::link::MasterMessage& message);

    std::function<void(const common::link::MasterMessage&)> observer_;
    std::function<void(const Generation&)> on_begin_;
    boost::asio::signal_set signals_;
    int stop_signals_ = 0;
    common::Spacing reloads_;  // of the app's own wishes
    boost::asio::steady_timer reload_timer_;
    bool is_stopping_ = false;
    bool is_draining_reported_ = false;
    bool is_suspension_reported_ = true;
    bool is_probing_reported_ = false;
    std::deque<Outcome> outcomes_;

    std::unique_ptr<ChannelEnd> emperor_;
    uid_t emperor_uid_ = 0;
    boost::asio::posix::stream_descriptor rendezvous_;
    std::unique_ptr<ChannelEnd> newcomer_;  // connected, has not said attach yet
    boost::asio::steady_timer newcomer_timer_;

    std::optional<AppLog> log_;
    common::UniqueFd log_channel_;  // from Start, until there is a log
    std::list<std::unique_ptr<LogPipe>> pipes_;
    TimePoint started_at_{};
    std::optional<TimePoint> start_deadline_;

    common::OomReader oom_reader_;
    common::OomWatch oom_watch_;

    Process command_;  // before_start
    std::deque<std::string> command_lines_;
    bool has_command_timed_out_ = false;

    std::optional<SourceWatch> source_watch_;  // with `autoreload`
    std::vector<std::string> failed_sources_;  // that the start of this generation failed of
    std::string pending_change_;               // seen while it started
    bool has_failed_ = false;                  // to start
    bool is_waiting_for_fix_ = false;          // stand-alone: nothing runs until a file changes

    PoolOptions pool_options_;
    std::optional<WorkerPool> pool_;
    std::deque<PoolEvent> pool_events_;
    bool is_in_pool_ = false;
    std::deque<Seat> seats_;  // by place; only grows, and no seat moves
    boost::asio::steady_timer pool_timer_;
    boost::asio::steady_timer watch_timer_;
    TimePoint next_memory_look_{};
    std::optional<Scaling> scaling_;
    boost::asio::steady_timer scaling_timer_;
    std::optional<ActivityWatch> activity_watch_;
    LockWatch lock_watch_;
    std::deque<Orphan> orphans_;
    int last_ticket_ = 0;
    boost::asio::steady_timer orphan_timer_;
    std::unique_ptr<AccessLog> access_log_;
    struct PastAccessLog {  // of workers that were forked before the log became another one
        std::unique_ptr<common::access::Rings> rings;
        std::unique_ptr<AccessLog> log;
        TimePoint ended_at;
    };
    std::vector<PastAccessLog> past_access_logs_;
    std::uint64_t reconfiguration_ = 0;  // the last one's id
    std::optional<SlowWatch> slow_watch_;  // with `log.slow`

    std::unique_ptr<HoldDesk> desk_;
    boost::asio::steady_timer hold_timer_;
    std::string not_serving_reason_;  // "": it serves
    std::optional<int> code_after_desk_;   // all is over but for the desk's last clients
    bool is_holding_ = false;              // this is a hold process
    std::function<void(const std::string&)> on_hold_;
    std::vector<Listener> held_;
    TimePoint next_attempt_{};

    enum class MoldState { absent, starting, ready };
    Process mold_;
    MoldState mold_state_ = MoldState::absent;
    TimePoint mold_forked_at_{};
    std::optional<StartFailure> mold_failure_;
    bool is_mold_allowed_ = true;  // false: the app may not be forked
};

}  // namespace vassal::master
