// SPDX-License-Identifier: Apache-2.0
// All vassals of one emperor: scans the directories, plans, tells every vassal's host, hands out start slots, reaps,
// adopts what a former emperor left, and ends. The imperative shell around plan/ and supervise/; single-threaded, in the
// event loop of the io_context, which outlives it. Owned by the emperor's main.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/oom_kills.h"
#include "emperor/fleet/adoption.h"
#include "emperor/fleet/desired.h"
#include "emperor/fleet/fleet_api.h"
#include "emperor/fleet/host_links.h"
#include "emperor/fleet/keepsakes.h"
#include "emperor/fleet/options.h"
#include "emperor/fleet/vassal_host.h"
#include "emperor/plan/plan.h"
#include "emperor/process/inherited.h"
#include "emperor/process/orphans.h"
#include "emperor/process/reaper.h"
#include "emperor/process/timer.h"
#include "emperor/supervise/start_gate.h"
#include "emperor/watch/scanner.h"
#include "emperor/watch/watcher.h"

namespace emperor::fleet {

class Fleet final : public FleetApi, public HostContext {
public:
    // `inherited`: sockets that systemd passed, which outlive the fleet; null: none.
    Fleet(boost::asio::io_context& io, FleetOptions options, const process::InheritedSockets* inherited = nullptr);
    ~Fleet() override;

    struct Observer {
        std::function<void()> on_ready;    // once: what was left is adopted, and the directories were scanned
        std::function<void()> on_scan;     // before each look at the directories
        std::function<void()> on_scanned;  // and after it
        std::function<void()> on_change;   // of a displayed state
    };
    void observe(Observer observer) { observer_ = std::move(observer); }

    // Adopts what is left of a former emperor, then scans and watches.
    void start();

    // How many vassals are in which state.
    [[nodiscard]] std::map<supervise::DisplayState, std::size_t> tally() const;
    // The runtime directory was removed and made anew: records, keeper and sockets come back.
    void restore_files();

    // Stops everything; `on_stopped` is called when no process is left. Again with `fast` to hurry.
    void shut_down(supervise::StopMode mode, std::function<void()> on_stopped);
    // Lets go of everything without stopping it, for the next emperor. Nothing is asked of the fleet afterwards.
    void leave();
    void reopen_logs();

    // ---- FleetApi ----
    [[nodiscard]] std::uint64_t names_version() const override { return names_version_; }
    std::vector<std::string> names() const override;
    [[nodiscard]] std::optional<VassalView> view(std::string_view name) const override;
    [[nodiscard]] std::optional<VassalView> glance(std::string_view name) const override;
    void each_board(const std::function<void(const std::string&, const common::scoreboard::Board&)>& visit) const override;
    void request(std::string_view name, supervise::Operation operation, const Actor& actor,
                 std::function<void(const Outcome&)> done) override;
    [[nodiscard]] std::unique_ptr<Subscription> follow_log(
        std::string_view name, std::function<void(const common::link::LogRecord&)> on_line) override;
    [[nodiscard]] std::unique_ptr<Subscription> follow_logs(
        std::function<void(const std::string& name, const common::link::LogRecord&)> on_line) override;
    [[nodiscard]] std::unique_ptr<Subscription> follow_events(
        std::function<void(const std::string& name, const HistoryEntry&)> on_event) override;
    [[nodiscard]] common::Result<void> scale(std::string_view name, const std::optional<WorkersRange>& range,
                                             const Actor& actor) override;
    // fleet_diff.cpp
    [[nodiscard]] std::vector<Difference> diff() override;
    [[nodiscard]] Difference diff(const CandidateFile& file) override;
    [[nodiscard]] Self self() const override;
    void note(std::string_view name, const std::string& event, const std::string& text) override;
    void reopen_log(std::string_view name) override;
    void rescan() override;

private:
    // ---- HostContext ----
    void acquire_slot(const std::string& name, supervise::Turn turn) override;
    void release_slot(const std::string& name) override;
    void log_line(const std::string& name, const common::link::LogRecord& record) override;
    void event(const std::string& name, const HistoryEntry& entry) override;
    void process_started() override;
    void process_ended(pid_t pid, bool is_child, common::TimePoint deadline) override;
    [[nodiscard]] common::ExitStatus explained(common::ExitStatus status) override;
    void forget(const std::string& name) override;
    void became_idle(const std::string& name) override;
    void state_changed() override;
    void route(const std::string& name, const std::vector<std::string>& hosts, const std::string& socket) override {
        host_links_.route(name, hosts, socket);
    }
    void look_again() override { watcher_.mark_dirty(); }

    void scan_now();
    void note_edit(const plan::Action& action);
    void apply(const plan::Action& action);
    bool desire(VassalHost& host, const plan::DesiredFile& file, const std::string& cause, supervise::Change change);
    [[nodiscard]] plan::Known known() const;
    [[nodiscard]] DesiredBuilder::Holders holders() const;
    void complete_adopted(const plan::Desired& desired);
    void name_owners(const plan::Desired& desired);
    void note_directories(const watch::Scan& scan);
    void refuse_foreign(plan::Desired& desired);
    void remove_remains();
    VassalHost& host_of(const std::string& name);

    void adopted(AdoptionResult result);
    void begin_watching();

    void record_orphans();
    void grant(const supervise::StartGate::Granted& names);
    void arm_gate();
    void stop_hosts(supervise::StopMode mode);
    void check_stopped();
    void look_for_free_addresses();

    class LogSubscription;
    class EventSubscription;
    static void access_lines(const std::string& name, const common::link::LogRecord& record);

    using OnLine = std::function<void(const common::link::LogRecord&)>;
    using OnLineOfAny = std::function<void(const std::string& name, const common::link::LogRecord&)>;
    struct Follower {
        std::uint64_t id;
        std::optional<std::string> name;  // none: all
        OnLineOfAny on_line;
    };

    boost::asio::io_context& io_;
    FleetOptions options_;
    std::int64_t started_us_;
    std::shared_ptr<bool> alive_;  // second owner: posted handlers and log subscriptions, which may outlive us

    Keepsakes keepsakes_;
    HostLinks host_links_;
    watch::Scanner scanner_;
    watch::Watcher watcher_;
    DesiredBuilder builder_;
    supervise::StartGate gate_;
    process::Timer gate_timer_;
    common::OomReader oom_reader_;
    common::OomWatch oom_watch_;
    process::Orphans orphans_;
    process::Reaper reaper_;
    std::vector<std::unique_ptr<Adoption>> adoptions_;
    std::map<std::string, std::string, std::less<>> foreign_;  // vassals whose directory is left alone, and why

    std::map<std::string, std::unique_ptr<VassalHost>, std::less<>> hosts_;
    std::uint64_t names_version_ = 0;
    std::map<std::string, std::string> directory_problems_;
    std::map<std::string, std::string> ignored_files_;  // by directory, as said last
    std::vector<Follower> followers_;
    using OnEvent = std::function<void(const std::string& name, const HistoryEntry&)>;
    std::map<std::uint64_t, OnEvent> event_followers_;
    std::uint64_t last_follower_ = 0;

    Observer observer_;
    bool is_scanning_allowed_ = false;
    bool is_ready_ = false;  // scanned once
    bool has_listen_failures_ = false;
    bool is_shutting_down_ = false;
    bool is_check_posted_ = false;
    std::function<void()> on_stopped_;
};

}  // namespace emperor::fleet
