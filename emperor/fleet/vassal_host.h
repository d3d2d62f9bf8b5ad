// SPDX-License-Identifier: Apache-2.0
// The shell around one vassal's machine: queues events, asks the machine, carries out its commands in order. Holds what
// the machine only names: deployments and their listeners, instances, the scoreboard, timers, waiting operators, history.
// The machine is never entered twice at a time: what a command causes is an event at the end of the queue.
// Owned by the Fleet, which outlives it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/spacing.h"
#include "common/scoreboard/scoreboard.h"
#include "emperor/fleet/counts.h"
#include "emperor/fleet/fleet_api.h"
#include "emperor/fleet/history.h"
#include "emperor/fleet/hold_process.h"
#include "emperor/fleet/instance.h"
#include "emperor/fleet/listener_pool.h"
#include "emperor/fleet/options.h"
#include "emperor/fleet/record.h"
#include "emperor/fleet/scale.h"
#include "emperor/fleet/sleeper.h"
#include "emperor/process/timer.h"
#include "emperor/supervise/hold_fsm.h"
#include "emperor/supervise/idle_watch.h"
#include "emperor/supervise/vassal_fsm.h"
#include "emperor/watch/watched_path.h"

namespace emperor::fleet {

// What a host needs of the fleet around it. None of these may call back into the host at once.
class HostContext {
public:
    virtual void acquire_slot(const std::string& name, supervise::Turn turn) = 0;
    virtual void release_slot(const std::string& name) = 0;
    virtual void log_line(const std::string& name, const common::link::LogRecord& record) = 0;
    virtual void event(const std::string& name, const HistoryEntry& entry) = 0;
    virtual void process_started() = 0;
    // A master ended; its workers may live on until `deadline`.
    virtual void process_ended(pid_t pid, bool is_child, common::TimePoint deadline) = 0;
    // The status of a master that was not killed by us, with the kernel's word about a SIGKILL.
    [[nodiscard]] virtual common::ExitStatus explained(common::ExitStatus status) = 0;
    virtual void forget(const std::string& name) = 0;      // nothing is left of it: destroy the host, later
    virtual void became_idle(const std::string& name) = 0; // no process is left
    virtual void state_changed() = 0;                      // of what is displayed
    virtual void look_again() = 0;                         // a rescan, soon
    // These host names lead to this socket from now on, and no others of this vassal's do.
    virtual void route(const std::string& name, const std::vector<std::string>& hosts, const std::string& socket) = 0;

protected:
    ~HostContext() = default;
};

class VassalHost final : public InstanceOwner {
public:
    using Done = std::function<void(const Outcome&)>;

    VassalHost(boost::asio::io_context& io, HostContext& context, const FleetOptions& options, Keepsakes& keepsakes,
               std::string name, bool owns_directory = true);
    ~VassalHost();
    VassalHost(const VassalHost&) = delete;
    VassalHost& operator=(const VassalHost&) = delete;

    // ---- what the rescan found ----
    // Opens the listeners; on failure the vassal is invalid with that diagnostic and keeps what it runs. False then.
    bool desire(DeploymentPtr deployment, const std::string& cause,
                supervise::Change change = supervise::Change::rollout);
    // The file is what it was before it was invalid.
    void recover();
    void refuse(std::string file, common::config::Diagnostics diagnostics);
    void remove();
    // The same configuration, decoded again with its origins (an adopted one knows its values only).
    void refresh(std::shared_ptr<const common::config::Effective> effective);

    // A socket file that somebody removed comes back with a new generation; clients find nobody meanwhile. So does the
    // rendezvous socket, without which no other emperor could adopt the master.
    void restore_sockets();
    // vassals/NAME is ours now; until then nothing in it was read, written or removed (left_behind.h).
    void own_directory();
    // The runtime directory was removed and made anew: what lay in it is written again.
    void restore_files();

    // Files that the last start failed of (`autoreload`). One that differs from what failed is a reason to try again.
    [[nodiscard]] const watch::WatchedStamps& failed_sources() const noexcept { return failed_sources_; }
    void look_at_failed_sources();

    void set_file_owner(uid_t uid) noexcept { file_owner_ = uid; }

    // ---- what others want ----
    void request(supervise::Operation operation, const Actor& actor, Done done);
    // Another number of workers than the file says; nullopt: what it says.
    [[nodiscard]] common::Result<void> scale(const std::optional<WorkersRange>& range, const Actor& actor);
    void grant_slot();
    void shut_down(supervise::StopMode mode);
    void reopen_logs();
    void note_event(const std::string& event, const std::string& text);
    // The emperor leaves, the vassal stays: nothing is stopped or removed when this host ends.
    void leave();

    // A running instance of a former emperor, with its listeners already in `parts.launch`.
    void adopt(InstanceParts parts, common::UniqueFd scoreboard, common::scoreboard::Mapping board, const AdoptedAs& role);
    // One that serves but could not be reached: it stays until replace_unlinked() and what follows has replaced it.
    void adopt_unlinked(InstanceParts parts, const std::string& why);
    // The directories were scanned: a rollout of the same configuration, unless something else replaces it already.
    void replace_unlinked();
    [[nodiscard]] ListenerPool& listeners() noexcept { return pool_; }

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] VassalView view() const;
    [[nodiscard]] supervise::DisplayState shown() const noexcept { return shown_; }
    [[nodiscard]] VassalView glance() const;  // without history
    [[nodiscard]] const common::scoreboard::Board* board() const noexcept { return board_ ? &board_.board() : nullptr; }
    [[nodiscard]] bool has_processes() const noexcept { return !instances_.empty() || hold_; }
    [[nodiscard]] const std::string& file() const noexcept { return file_; }
    [[nodiscard]] const DeploymentPtr& desired() const noexcept { return desired_; }
    // Of the active generation; null: there is none.
    [[nodiscard]] DeploymentPtr running() const;
    // What runs, or would at the next start of one that was rolled back; null: nothing.
    [[nodiscard]] DeploymentPtr in_use() const;
    [[nodiscard]] const std::string& invalid_text() const noexcept { return invalid_text_; }
    [[nodiscard]] bool is_removed() const noexcept { return is_removed_; }
    // The vassal is gone for good, not just this emperor.
    void forget_history() noexcept { history_.remove(); }

private:
    void on_message(Instance& instance, const common::link::MasterMessage& message) override;
    void on_log(const common::link::LogRecord& record) override;
    void on_deadline(Instance& instance) override;
    void on_exit(Instance& instance, const common::ExitStatus& status) override;

    // host_reload.cpp
    void on_app_reload(const Instance& instance, const common::link::ReloadRequested& request);
    void reload_for_app();
    // host_sources.cpp
    void on_sources_changed(const Instance& instance, const common::link::SourcesChanged& message);
    void on_log_file(Instance& instance, const common::link::LogFile& message);
    void on_failed_sources(const Instance& instance, const common::link::FailedSources& message);
    [[nodiscard]] bool is_reloaded_for(const std::vector<std::string>& files) const;
    void reload_for_sources();

    // host_sleep.cpp
    void look_after_sleep(const supervise::VassalStatus& status);
    void look_whether_idle();
    [[nodiscard]] bool can_be_woken(Launch& launch);
    [[nodiscard]] supervise::Activity activity() const;

    // host_routes.cpp
    void look_after_routes();

    // host_hold.cpp
    void look_after_clients(const supervise::VassalStatus& status);
    void keep_failing_since();
    void resume_failing_since();
    void execute(const supervise::HoldCommands& commands);
    [[nodiscard]] bool start_hold();
    void hold_ended();

    // host_rollback.cpp
    void activate(LaunchPtr launch);
    void note_answers(const Instance& promoted);
    void begin_observation();
    void look_at_observed();
    [[nodiscard]] std::int64_t observed_until_us() const;
    [[nodiscard]] common::Duration observe_left(std::int64_t until_us, const supervise::Spec& spec) const;
    [[nodiscard]] common::Result<supervise::SpecPtr> prepare_rollback();
    [[nodiscard]] bool resume_rollback(const DeploymentPtr& deployment);
    void resume_rollback_of(const LaunchPtr& adopted);
    void desire_unstarted(const DeploymentPtr& deployment);
    void keep_rollback();
    void show_rollback(VassalView& view) const;

    // host_reconfigure.cpp
    void reconfigure(const supervise::Reconfigure& order);
    void on_activated(const supervise::Activated& activated);
    void on_reconfigured(const Instance& instance, const common::link::Reconfigured& answer);
    void report_reconfigured(const supervise::Report& report);
    [[nodiscard]] bool has_listeners_of(const Launch& launch) const;

    // host_scale.cpp
    [[nodiscard]] DeploymentPtr with_scale(DeploymentPtr deployment);
    void keep_scale(std::optional<Scale> scale);
    // The same configuration, told otherwise.
    void replace_desired(DeploymentPtr fresh);

    void push(supervise::VassalEvent event);
    void after_event(const supervise::VassalEvent& event);
    void settle();
    void close_what_nobody_starts();
    void show(supervise::DisplayState state);

    // Commands (host_commands.cpp).
    void execute(const supervise::Command& command);
    void spawn(const supervise::Spawn& command);
    [[nodiscard]] common::Result<void> prepare(Launch& launch);
    void report(const supervise::Report& report);
    void remember(std::string event, supervise::Generation generation, std::string text);
    // With the app's last lines, those of `worker` (0: of all).
    void remember_failure(std::string event, supervise::Generation generation, std::string text, int worker = 0);
    void note(HistoryEntry entry);
    [[nodiscard]] std::string last_lines(int worker);
    void finish(const supervise::OperationDone& done);
    // After a rollout the old generation may accept for another moment: whoever asked for the new one is answered when
    // only the new one does, or a second later at most.
    [[nodiscard]] bool is_handing_over() const;
    void answer_when_handed_over();
    void answer_now();
    void arm_own(common::TimePoint deadline);

    bool roll_out_again(const std::string& cause);
    [[nodiscard]] LaunchPtr launch_of(std::uint64_t spec) const;
    [[nodiscard]] LaunchPtr next_launch() const;  // what a start would use
    [[nodiscard]] LaunchPtr with_sockets_in_place(LaunchPtr launch);
    [[nodiscard]] Instance* find(supervise::Generation generation) const;
    void use_scoreboard(common::UniqueFd fd, common::scoreboard::Mapping board);
    void show_invalid(std::string file, common::config::Diagnostics diagnostics);
    void write_record();
    void write_held() const;
    [[nodiscard]] std::string role_of(const Instance& instance, const supervise::VassalStatus& status) const;

    boost::asio::io_context& io_;
    HostContext& context_;
    const FleetOptions& options_;
    Keepsakes& keepsakes_;
    std::string name_;
    std::string file_;
    std::optional<uid_t> file_owner_;
    supervise::VassalFsm machine_;
    ListenerPool pool_;

    std::deque<supervise::VassalEvent> events_;
    bool is_working_ = false;

    DeploymentPtr desired_;                // the newest that the machine was told of
    LaunchPtr newest_;                     // of desired_
    LaunchPtr activated_;                  // of the generation that serves, or served last
    LaunchPtr rollback_;                   // of a rollback by an operator, until it serves
    DeploymentPtr last_good_;              // served before, with another configuration
    RollbackRecord left_rollback_;         // of a former emperor, until its file was looked at
    RollbackRecord kept_rollback_;         // as written
    std::map<supervise::Generation, std::unique_ptr<Instance>> instances_;
    common::UniqueFd scoreboard_;
    common::scoreboard::Mapping board_;
    process::Timer timer_;
    process::Timer observation_timer_;
    common::scoreboard::Answers answers_at_promotion_;

    struct Reconfigured {  // in place, last: what was different
        std::string change;
        std::string keys;
    };
    Reconfigured reconfigured_;

    std::optional<Scale> scale_;

    std::uint64_t last_ticket_ = 0;
    std::map<std::uint64_t, Done> waiting_;
    std::vector<Done> handing_over_;       // succeeded, to be answered
    process::Timer handover_timer_;
    // The app's own wishes for a reload. A rollout costs an import and two generations side by side: not all the time.
    struct AppReload {
        supervise::Generation generation = 0;
        std::string cause;
    };
    common::Spacing app_reloads_;
    AppReload app_reload_;                 // the one that waits
    process::Timer app_reload_timer_;
    // `autoreload`: the newest cause waits, a second at most.
    common::Spacing source_reloads_{std::chrono::seconds(1)};
    std::string source_cause_;
    process::Timer source_timer_;
    watch::WatchedStamps failed_sources_;
    watch::WatchedStamps reloaded_sources_;  // as they were when one of them was the cause of a reload
    common::config::Identity failed_identity_;  // who may look at them
    Sleeper sleeper_;
    supervise::IdleWatch idle_watch_;
    supervise::Generation idle_generation_ = 0;  // whose counters are watched; 0: none's
    process::Timer idle_timer_;
    supervise::HoldFsm hold_machine_;
    std::optional<common::TimePoint> kept_failing_since_;
    std::unique_ptr<HoldProcess> hold_;
    std::optional<common::TimePoint> hold_retry_at_;  // as the hold process knows it
    process::Timer hold_timer_;
    std::vector<std::string> routed_hosts_;
    std::string routed_to_;                // the socket that they lead to
    History history_;
    std::map<int, std::int64_t> told_us_;  // by worker: how far its lines are the detail of a failure already
    common::config::Diagnostics diagnostics_;
    std::string invalid_text_;
    std::string socket_problem_;  // why a removed socket could not be put back
    supervise::DisplayState shown_ = supervise::DisplayState::stopped;
    std::int64_t shown_since_us_ = 0;
    std::optional<std::string> held_;  // as written: who stopped it
    bool is_removed_ = false;
    bool is_shutting_down_ = false;
    bool is_left_ = false;
    bool owns_directory_ = true;
    std::string record_problem_;  // why it could not be written
    process::Timer record_timer_;
    bool has_shown_ = false;
    Counts counts_;
    std::string unlinked_because_;  // the active one has no link, and is to be replaced
    std::uint64_t failed_reloads_ = 0;
};

}  // namespace emperor::fleet
