// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/fleet.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>

#include "common/log/log.h"
#include "emperor/fleet/orphan_record.h"

namespace emperor::fleet {

namespace log = common::log;
using common::Clock;

Fleet::Fleet(boost::asio::io_context& io, FleetOptions options, const process::InheritedSockets* inherited)
    : io_(io),
      options_(std::move(options)),
      started_us_(epoch_us()),
      alive_(std::make_shared<bool>(true)),
      keepsakes_(io, options_, inherited),
      host_links_(options_.by_host_directory(), options_.sockets_directory()),
      scanner_(options_.directories, ::geteuid()),
      watcher_(io, options_.directories, [this] { scan_now(); }),
      builder_(options_.sockets_directory()),
      gate_(options_.start_parallelism),
      gate_timer_(io),
      orphans_(io,
               [this] {
                   record_orphans();
                   look_for_free_addresses();
                   check_stopped();
               }),
      reaper_(io, [](pid_t pid) { log::debug("orphan reaped", {{"pid", pid}}); }) {}

Fleet::~Fleet() { *alive_ = false; }

void Fleet::start() {
    if (!process::Reaper::become_subreaper()) log::warn("not a child subreaper", {{"reason", "orphans are left to init"}});
    keepsakes_.start();
    auto left = find_left_behind(options_);
    foreign_ = std::move(left.foreign);
    for (const GoneMaster& gone : left.gone) orphans_.add(gone.pid, false, Clock::now() + gone.drain);
    record_orphans();
    for (auto& record : left.vassals) {
        auto on_result = [this, alive = alive_](AdoptionResult result) {
            if (*alive) adopted(std::move(result));
        };
        adoptions_.push_back(
            std::make_unique<Adoption>(io_, options_, keepsakes_, std::move(record), std::move(on_result)));
    }
    if (adoptions_.empty()) begin_watching();
    else log::info("adopting", {{"vassals", adoptions_.size()}});
}

void Fleet::adopted(AdoptionResult result) {
    for (const GoneMaster& gone : result.ended) process_ended(gone.pid, false, Clock::now() + gone.drain);
    if (result.instances.empty()) {
        remove_record(options_.directory_of(result.name));
    } else {
        VassalHost& host = host_of(result.name);  // before `result` is moved from: arguments have no order
        adopt_into(host, std::move(result));
    }
    // The Adoption that called us is still on the stack.
    boost::asio::post(io_, [this, alive = alive_] {
        if (!*alive) return;
        std::erase_if(adoptions_, [](const auto& adoption) { return adoption->is_finished(); });
        if (!adoptions_.empty() || is_scanning_allowed_) return;
        if (is_shutting_down_) stop_hosts(supervise::StopMode::graceful);
        begin_watching();
    });
}

void Fleet::begin_watching() {
    is_scanning_allowed_ = true;
    if (is_shutting_down_) return check_stopped();
    watcher_.start();
    scan_now();
    remove_old_histories(options_.history_directory(), [this](const std::string& name) { return hosts_.contains(name); });
}

// ---- start slots ----------------------------------------------------------------------------------------------------

void Fleet::acquire_slot(const std::string& name, supervise::Turn turn) {
    grant(gate_.request(name, Clock::now(), turn));
    arm_gate();
}

void Fleet::release_slot(const std::string& name) {
    grant(gate_.release(name, Clock::now()));
    arm_gate();
}

// Posted: the host that asked is in the middle of its commands.
void Fleet::grant(const supervise::StartGate::Granted& names) {
    for (const std::string& name : names) {
        boost::asio::post(io_, [this, alive = alive_, name] {
            if (!*alive) return;
            if (const auto found = hosts_.find(name); found != hosts_.end()) found->second->grant_slot();
            else release_slot(name);
        });
    }
}

void Fleet::arm_gate() {
    const auto deadline = gate_.deadline();
    if (!deadline) {
        gate_timer_.disarm();
        return;
    }
    gate_timer_.arm(*deadline, [this] {
        grant(gate_.expire(Clock::now()));
        arm_gate();
    });
}

// ---- processes ------------------------------------------------------------------------------------------------------

void Fleet::process_started() {
    oom_watch_.look(oom_reader_.read(), Clock::now());
}

common::ExitStatus Fleet::explained(common::ExitStatus status) {
    if (status.kind == common::ExitStatus::Kind::signaled && status.value == SIGKILL)
        status.is_out_of_memory = oom_watch_.explains(oom_reader_.read(), Clock::now());
    return status;
}

void Fleet::process_ended(pid_t pid, bool is_child, common::TimePoint deadline) {
    if (orphans_.add(pid, is_child, deadline)) record_orphans();
}

void Fleet::record_orphans() {
    if (const auto written = write_orphans(options_.orphans_file(), orphans_.groups()); !written)
        log::warn("orphans not recorded", {{"reason", written.error().message()}});
}

// Somebody ended: the address that another vassal waits for may have been his.
void Fleet::look_for_free_addresses() {
    if (has_listen_failures_) rescan();
}

void Fleet::forget(const std::string& name) {
    boost::asio::post(io_, [this, alive = alive_, name] {
        if (!*alive) return;
        const auto found = hosts_.find(name);
        // It may have come back meanwhile.
        if (found == hosts_.end() || !found->second->is_removed() || found->second->has_processes()) return;
        found->second->forget_history();
        hosts_.erase(found);
        ++names_version_;
        look_for_free_addresses();
        check_stopped();
    });
}

void Fleet::became_idle(const std::string&) {
    if (!is_shutting_down_ || is_check_posted_) return;
    is_check_posted_ = true;
    boost::asio::post(io_, [this, alive = alive_] {
        if (!*alive) return;
        is_check_posted_ = false;
        check_stopped();
    });
}

// ---- the end --------------------------------------------------------------------------------------------------------

void Fleet::shut_down(supervise::StopMode mode, std::function<void()> on_stopped) {
    is_shutting_down_ = true;
    on_stopped_ = std::move(on_stopped);
    log::info("shutting down", {{"mode", mode == supervise::StopMode::graceful ? "graceful" : "fast"},
                                {"vassals", hosts_.size()}});
    stop_hosts(mode);
    for (const auto& adoption : adoptions_) adoption->give_up();
    if (mode == supervise::StopMode::fast) orphans_.kill_all();
    became_idle({});
}

void Fleet::stop_hosts(supervise::StopMode mode) {
    for (const auto& [name, host] : hosts_) host->shut_down(mode);
}

void Fleet::check_stopped() {
    if (!is_shutting_down_ || !on_stopped_ || !orphans_.empty() || !adoptions_.empty()) return;
    for (const auto& [name, host] : hosts_) {
        if (host->has_processes()) return;
    }
    const auto on_stopped = std::move(on_stopped_);
    on_stopped_ = nullptr;
    hosts_.clear();
    ++names_version_;
    keepsakes_.dismiss();
    on_stopped();
}

void Fleet::state_changed() {
    if (observer_.on_change) observer_.on_change();
}

std::map<supervise::DisplayState, std::size_t> Fleet::tally() const {
    std::map<supervise::DisplayState, std::size_t> counts;
    for (const auto& [name, host] : hosts_) ++counts[host->shown()];
    return counts;
}

void Fleet::restore_files() {
    keepsakes_.renew();
    for (const auto& [name, host] : hosts_) host->restore_files();
}

void Fleet::leave() {
    keepsakes_.leave();
    for (const auto& [name, host] : hosts_) host->leave();
}

void Fleet::reopen_logs() {
    for (const auto& [name, host] : hosts_) host->reopen_logs();
}

void Fleet::reopen_log(std::string_view name) {
    if (const auto found = hosts_.find(name); found != hosts_.end()) found->second->reopen_logs();
}

// ---- FleetApi -------------------------------------------------------------------------------------------------------

std::vector<std::string> Fleet::names() const {
    std::vector<std::string> out;
    out.reserve(hosts_.size());
    for (const auto& [name, host] : hosts_) out.push_back(name);
    return out;
}

std::optional<VassalView> Fleet::view(std::string_view name) const {
    const auto found = hosts_.find(name);
    if (found == hosts_.end()) return std::nullopt;
    return found->second->view();
}

std::optional<VassalView> Fleet::glance(std::string_view name) const {
    const auto found = hosts_.find(name);
    if (found == hosts_.end()) return std::nullopt;
    return found->second->glance();
}

void Fleet::each_board(const std::function<void(const std::string&, const common::scoreboard::Board&)>& visit) const {
    for (const auto& [name, host] : hosts_)
        if (const common::scoreboard::Board* board = host->board()) visit(name, *board);
}

void Fleet::request(std::string_view name, supervise::Operation operation, const Actor& actor,
                    std::function<void(const Outcome&)> done) {
    const auto found = hosts_.find(name);
    if (found != hosts_.end()) return found->second->request(operation, actor, std::move(done));
    Outcome outcome{false, {"request", "no such app: " + std::string(name), ""}, {}};
    boost::asio::post(io_, [done = std::move(done), outcome = std::move(outcome)] { done(outcome); });
}

common::Result<void> Fleet::scale(std::string_view name, const std::optional<WorkersRange>& range, const Actor& actor) {
    const auto found = hosts_.find(name);
    if (found == hosts_.end()) return common::failure("no such app: " + std::string(name));
    if (is_shutting_down_) return common::failure("the emperor is shutting down");
    return found->second->scale(range, actor);
}

class Fleet::LogSubscription final : public FleetApi::Subscription {
public:
    LogSubscription(Fleet& fleet, std::uint64_t id) : fleet_(fleet), alive_(fleet.alive_), id_(id) {}
    ~LogSubscription() override {
        if (*alive_) std::erase_if(fleet_.followers_, [this](const Follower& follower) { return follower.id == id_; });
    }

private:
    Fleet& fleet_;
    std::shared_ptr<bool> alive_;
    std::uint64_t id_;
};

std::unique_ptr<FleetApi::Subscription> Fleet::follow_log(std::string_view name, OnLine on_line) {
    followers_.push_back({++last_follower_, std::string(name),
                          [on_line = std::move(on_line)](const std::string&, const common::link::LogRecord& record) {
                              on_line(record);
                          }});
    return std::make_unique<LogSubscription>(*this, last_follower_);
}

std::unique_ptr<FleetApi::Subscription> Fleet::follow_logs(OnLineOfAny on_line) {
    followers_.push_back({++last_follower_, std::nullopt, std::move(on_line)});
    return std::make_unique<LogSubscription>(*this, last_follower_);
}

// Whole lines, several in a record. They are in the log and nowhere else: who follows an app's words would drown in them.
void Fleet::access_lines(const std::string& name, const common::link::LogRecord& record) {
    for (std::string_view rest = record.text; !rest.empty();) {
        const std::size_t newline = rest.find('\n');
        log::app_line(name, 0, "access", record.time_us, rest.substr(0, newline));
        rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
    }
}

void Fleet::log_line(const std::string& name, const common::link::LogRecord& record) {
    static constexpr std::string_view streams[] = {"out", "err", "master"};
    if (record.stream == common::link::LogStream::access) return access_lines(name, record);
    if (record.dropped > 0) log::warn("log lines dropped", {{"vassal", name}, {"lines", record.dropped}});
    if (!record.is_journaled || !log::is_journal())
        log::app_line(name, record.worker, streams[static_cast<std::size_t>(record.stream) % 3], record.time_us, record.text);
    if (followers_.empty()) return;
    // A callback may end a subscription, its own or another one.
    std::vector<std::uint64_t> ids;
    for (const Follower& follower : followers_) {
        if (!follower.name || *follower.name == name) ids.push_back(follower.id);
    }
    for (const std::uint64_t id : ids) {
        const auto found = std::find_if(followers_.begin(), followers_.end(), [id](const Follower& f) { return f.id == id; });
        if (found == followers_.end()) continue;
        const OnLineOfAny on_line = found->on_line;
        on_line(name, record);
    }
}

FleetApi::Self Fleet::self() const {
    return {EMPEROR_VERSION, ::getpid(), started_us_, options_.directories,
            options_.runtime_directory, is_shutting_down_, is_ready_};
}

void Fleet::rescan() {
    if (is_scanning_allowed_) watcher_.mark_dirty();
}

}  // namespace emperor::fleet
