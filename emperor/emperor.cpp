// SPDX-License-Identifier: Apache-2.0
#include "emperor/emperor.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "common/log/log.h"
#include "common/net/address.h"

namespace emperor {

namespace log = common::log;
using common::Result;

namespace {

fleet::FleetOptions fleet_options(const Options& options, const RuntimeDir& runtime_dir, rlimit open_files) {
    fleet::FleetOptions out;
    // Absolute: what people are shown must not depend on where the emperor was started.
    for (const std::string& directory : options.vassals)
        out.directories.push_back(std::filesystem::absolute(directory).lexically_normal().string());
    out.runtime_directory = runtime_dir.path();
    out.vassal_program = vassal_program();
    out.keeper_program = own_program();
    out.start_parallelism = options.start_parallelism;
    out.open_files = open_files;
    return out;
}

// The answer to whoever asked for the upgrade is on its way meanwhile.
constexpr auto time_to_answer = std::chrono::milliseconds(100);

constexpr auto log_pause = std::chrono::milliseconds(50);

// The last lines, to a reader who is only slow.
void finish_log() {
    for (int attempt = 0; attempt < 10 && log::drain(); ++attempt) std::this_thread::sleep_for(log_pause);
}

}  // namespace

std::string own_program() {
    std::error_code code;
    return std::filesystem::read_symlink("/proc/self/exe", code).string();
}

std::string vassal_program() {
    if (const char* named = ::getenv("EMPEROR_VASSAL"); named && *named) return std::filesystem::absolute(named).string();
    return (std::filesystem::path(own_program()).parent_path() / "vassal").string();
}

Emperor::Emperor(const Options& options, RuntimeDir runtime_dir, rlimit open_files, std::vector<std::string> arguments)
    : options_(options),
      runtime_dir_(std::move(runtime_dir)),
      inherited_(process::InheritedSockets::from_environment()),
      fleet_(io_, fleet_options(options_, runtime_dir_, open_files), &inherited_),
      signals_(io_, SIGTERM, SIGINT, SIGQUIT),
      upgrade_(io_, std::move(arguments), open_files),
      service_(io_, [this] { return fleet_.tally(); }),
      upgrade_timer_(io_),
      log_timer_(io_) {
    log::when_waiting([this] { drain_log_soon(); });
    signals_.add(SIGHUP);
    signals_.add(SIGUSR1);
    fleet_.observe({.on_ready = [this] { on_ready(); },
                    .on_scan = [this] {
                        look_at_runtime_dir();
                        look_at_token();
                    },
                    .on_scanned = [this] {
                        if (!std::exchange(is_ready_, true) && control_) control_->fleet_is_known();
                        service_.ready();
                    },
                    .on_change = [this] { service_.fleet_changed(); }});
}

control::Options Emperor::control_options() const {
    control::Options out;
    out.path = runtime_dir_.path() + "/control.sock";
    out.admin_group = options_.admin_group;
    out.inherited = [this](const common::net::Address& address) { return inherited_.take(address); };
    if (!options_.control.empty()) out.extra = common::net::parse_address(options_.control).value();
    return out;
}

stats::Options Emperor::stats_options() const {
    stats::Options out;
    out.runtime_dir = runtime_dir_.path();
    out.inherited = [this](const common::net::Address& address) { return inherited_.take(address); };
    out.keeps_series = !options_.http.empty();
    if (!options_.stats.empty()) out.addresses.push_back(common::net::parse_address(options_.stats).value());
    if (!options_.agent.empty()) out.agents.push_back(common::net::parse_address(options_.agent).value());
    return out;
}

// The dashboard's, "" where nobody may act. The file as it is now; a variable does not change.
Result<std::string> Emperor::read_token() const {
    if (!options_.http_token_file.empty()) return web::read_token_file(options_.http_token_file);
    const char* token = ::getenv("EMPEROR_HTTP_TOKEN");
    if (!token || !*token) return std::string();
    if (const std::string problem = web::problem_of_token(token); !problem.empty())
        return common::failure("EMPEROR_HTTP_TOKEN: " + problem);
    return std::string(token);
}

// At each scan: on SIGHUP at once. A file that cannot be used changes nothing, nor does one that is gone.
void Emperor::look_at_token() {
    if (!web_ || options_.http_token_file.empty()) return;
    const Result<std::string> token = read_token();
    const std::string problem = token ? "" : token.error().message();
    if (!problem.empty() && problem != token_problem_)
        log::error("dashboard token not read", {{"reason", problem}, {"action", "the one before stays valid"}});
    token_problem_ = problem;
    if (token) web_->use_token(token_ = *token);
}

Result<void> Emperor::open_dashboard() {
    if (options_.http.empty()) return {};
    web::Options out;
    out.address = common::net::parse_address(options_.http).value();
    out.policy.hosts = options_.http_hosts;
    out.is_ready = [this] { return is_ready_; };
    out.inherited = [this](const common::net::Address& address) { return inherited_.take(address); };
    Result<std::string> token = read_token();
    if (token) token_ = std::move(*token);
    else if (token_.empty()) return token.error();
    out.policy.token = token_;
    web_.emplace(io_, fleet_, *control_, *stats_, std::move(out));
    return web_->start();
}

Result<void> Emperor::open_sockets() {
    web_.reset();
    control_.emplace(io_, fleet_, control_options(), [this](auto done) { upgrade(std::move(done)); });
    stats_.emplace(io_, fleet_, stats_options());
    if (const auto started = control_->start(); !started) return started;
    if (const auto started = stats_->start(); !started) return started;
    return open_dashboard();
}

int Emperor::run() {
    if (const auto opened = open_sockets(); !opened) {
        log::error("cannot start", {{"reason", opened.error().message()}});
        runtime_dir_.clean_up();
        return 1;
    }
    wait_for_signal();
    log::info("emperor started", {{"version", EMPEROR_VERSION}, {"pid", ::getpid()}, {"runtime_dir", runtime_dir_.path()}});
    if (!runtime_dir_.is_reachable_by_web_server())
        log::warn("runtime directory closed to the web server",
                  {{"runtime_dir", runtime_dir_.path()}, {"reason", "www-data may not enter it, or a directory above it"}});
    service_.start();
    fleet_.start();
    io_.run();
    web_.reset();
    control_.reset();
    stats_.reset();
    log::when_waiting({});
    if (is_upgrading_) {
        finish_log();
        upgrade_.execute(inherited_);
        return 1;
    }
    if (stop_requests_ > 0) {
        runtime_dir_.remove_dead_sockets();
        runtime_dir_.clean_up();
    }
    log::info("emperor ended", {{"pid", ::getpid()}});
    finish_log();
    return 0;
}

// Whoever reads the log is slow: nothing here waits for that.
void Emperor::drain_log_soon() {
    log_timer_.arm_after(log_pause, [this] {
        if (log::drain()) drain_log_soon();
    });
}

void Emperor::wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
        if (error) return;
        on_signal(number);
        wait_for_signal();
    });
}

void Emperor::on_signal(int number) {
    log::debug("signal", {{"number", number}});
    switch (number) {
        case SIGTERM:
        case SIGINT: return shut_down();
        case SIGQUIT:
            log::info("leaving: the vassals stay for the next emperor", {});
            service_.stopping();
            fleet_.leave();
            return io_.stop();
        case SIGHUP:
            service_.reloading();
            return fleet_.rescan();
        case SIGUSR1:
            log::reopen();
            return fleet_.reopen_logs();
        default: return;
    }
}

void Emperor::upgrade(std::function<void(const common::Result<void>&)> done) {
    upgrade_.try_program([this, done = std::move(done)](const common::Result<void>& tried) {
        done(tried);
        if (!tried || stop_requests_ > 0) return;
        upgrade_timer_.arm_after(time_to_answer, [this] {
            if (stop_requests_ > 0) return;
            log::info("upgrading: the vassals stay", {{"pid", ::getpid()}});
            is_upgrading_ = true;
            fleet_.leave();
            io_.stop();
        });
    });
}

void Emperor::on_ready() {
    service_.ready();
    for (const std::string& socket : inherited_.unused())
        log::warn("socket of systemd not used",
                  {{"socket", socket}, {"reason", "no app listens on this address, nor --stats, --agent, --control or --http"}});
}

// Whoever removed it took the way to the sockets, the records for the next emperor and the lock: nothing that serves needs
// them, so they are made again. What only a new generation can get back (a socket, the rendezvous), it gets (restore_sockets).
void Emperor::look_at_runtime_dir() {
    if (runtime_dir_.is_in_place()) return;
    const auto restored = runtime_dir_.restore();
    const std::string problem = restored ? "" : restored.error().message();
    if (!problem.empty()) {
        if (problem != runtime_dir_problem_)
            log::error("runtime directory lost",
                       {{"runtime_dir", runtime_dir_.path()}, {"reason", problem},
                        {"action", "the apps serve on; clear this up, it is tried again at each rescan"}});
        runtime_dir_problem_ = problem;
        return;
    }
    runtime_dir_problem_.clear();
    log::error("runtime directory lost", {{"runtime_dir", runtime_dir_.path()}, {"reason", "somebody removed it"},
                                          {"action", "made anew; each app gets its sockets back with a new generation"}});
    if (const auto opened = open_sockets(); !opened) log::error("socket lost", {{"reason", opened.error().message()}});
    fleet_.restore_files();
}

void Emperor::shut_down() {
    service_.stopping();
    const auto mode = ++stop_requests_ == 1 ? supervise::StopMode::graceful : supervise::StopMode::fast;
    fleet_.shut_down(mode, [this] { io_.stop(); });
}

}  // namespace emperor
