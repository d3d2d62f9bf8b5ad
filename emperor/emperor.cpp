// SPDX-License-Identifier: Apache-2.0
#include "emperor/emperor.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "common/log/log.h"
#include "common/net/address.h"

namespace emperor {

namespace log = common::log;

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

control::Options control_options(const Options& options, const RuntimeDir& runtime_dir) {
    control::Options out;
    out.path = runtime_dir.path() + "/control.sock";
    out.admin_group = options.admin_group;
    if (!options.control.empty()) out.extra = common::net::parse_address(options.control).value();
    return out;
}

stats::Options stats_options(const Options& options, const RuntimeDir& runtime_dir) {
    stats::Options out;
    out.runtime_dir = runtime_dir.path();
    if (!options.stats.empty()) out.addresses.push_back(common::net::parse_address(options.stats).value());
    return out;
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
    : options_(options), runtime_dir_(std::move(runtime_dir)),
      fleet_(io_, fleet_options(options_, runtime_dir_, open_files)),
      control_(std::in_place, io_, fleet_, control_options(options_, runtime_dir_),
               [this](auto done) { upgrade(std::move(done)); }),
      stats_(std::in_place, io_, fleet_, stats_options(options_, runtime_dir_)),
      signals_(io_, SIGTERM, SIGINT, SIGQUIT), upgrade_(io_, std::move(arguments), open_files), upgrade_timer_(io_) {
    signals_.add(SIGHUP);
    signals_.add(SIGUSR1);
}

int Emperor::run() {
    for (const auto& started : {control_->start(), stats_->start()}) {
        if (started) continue;
        log::error("cannot start", {{"reason", started.error().message()}});
        runtime_dir_.clean_up();
        return 1;
    }
    wait_for_signal();
    log::info("emperor started", {{"version", EMPEROR_VERSION}, {"pid", ::getpid()}, {"runtime_dir", runtime_dir_.path()}});
    if (!runtime_dir_.is_reachable_by_web_server())
        log::warn("runtime directory closed to the web server",
                  {{"runtime_dir", runtime_dir_.path()}, {"reason", "www-data may not enter it, or a directory above it"}});
    fleet_.start();
    io_.run();
    control_.reset();
    stats_.reset();
    if (is_upgrading_) {
        upgrade_.execute();
        return 1;
    }
    if (stop_requests_ > 0) {
        runtime_dir_.remove_dead_sockets();
        runtime_dir_.clean_up();
    }
    log::info("emperor ended", {{"pid", ::getpid()}});
    return 0;
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
            fleet_.leave();
            return io_.stop();
        case SIGHUP: return fleet_.rescan();
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

void Emperor::shut_down() {
    const auto mode = ++stop_requests_ == 1 ? supervise::StopMode::graceful : supervise::StopMode::fast;
    fleet_.shut_down(mode, [this] { io_.stop(); });
}

}  // namespace emperor
