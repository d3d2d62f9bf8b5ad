// SPDX-License-Identifier: Apache-2.0
// From the order to start up to the first fork: environment, before_start, pool.
#include <algorithm>
#include <random>
#include <utility>

#include "common/config/access_format.h"
#include "vassal/master/master_impl.h"

namespace vassal::master {

namespace {

using common::Clock;
using common::link::Step;

constexpr std::size_t kept_command_lines = 20;

// We give up a little before the emperor's own deadline does: our answer says at which step, its SIGKILL cannot.
Duration start_margin(Duration start) { return std::min<Duration>(std::chrono::milliseconds(250), start / 10); }

// Everything else is told by messages, timers and exits.
bool needs_activity(const common::config::VassalConfig& config) {
    const bool may_wait_for_lock = config.threads > 1 && config.workers > 1;
    return may_wait_for_lock || config.workers_min < config.workers || config.recycle.max_requests > 0 ||
           config.recycle.max_rss > 0 || config.log.slow.count() > 0 ||
           config.log.access != common::config::AccessLog::off;
}

// A planned drain is in no hurry: no request is cut off that would have been allowed to go on.
Duration patience_of(const common::config::VassalConfig& config) {
    constexpr Duration unlimited = std::chrono::hours(1);  // every wait has an end
    const Duration request = config.timeouts.request.count() > 0 ? Duration(config.timeouts.request) : unlimited;
    return request + config.timeouts.drain;
}

}  // namespace

PoolOptions pool_options(const common::config::VassalConfig& config) {
    PoolOptions options;
    options.workers = std::clamp(config.workers, 1, common::scoreboard::max_workers);
    options.workers_min = std::clamp(config.workers_min, 1, options.workers);
    options.threads = std::clamp(config.threads, 1, common::scoreboard::max_threads);
    options.drain = config.timeouts.drain;
    options.patience = patience_of(config);
    options.kill = config.timeouts.kill;
    options.start = config.timeouts.start;
    options.backoff_initial = config.restart.initial;
    options.backoff_max = config.restart.max;
    options.stable = config.restart.stable;
    options.recycle = {config.recycle.max_requests, config.recycle.max_age, config.recycle.jitter};
    return options;
}

ScalingOptions scaling_options(const PoolOptions& options) {
    return {.least = options.workers_min, .most = options.workers, .threads = options.threads};
}

void Master::Impl::begin(Generation generation) {
    started_at_ = Clock::now();
    generation_ = std::move(generation);
    if (on_begin_) on_begin_(*generation_);
    const auto& config = generation_->config;
    if (config.timeouts.start.count() > 0)
        start_deadline_ = started_at_ + config.timeouts.start - start_margin(config.timeouts.start);
    report(Step{"environment"});
    const auto prepared = prepare(*generation_);
    // log.file is opened after umask and chdir; what goes wrong there is worth a line, not a failed start.
    common::scoreboard::Board* board = generation_->scoreboard ? &generation_->scoreboard.board() : nullptr;
    const char* stream = ::getenv("JOURNAL_STREAM");  // the emperor passes it where its own log goes there
    const char* journal = ::getenv("EMPEROR_JOURNAL_SOCKET");
    log_.emplace(AppLog::Options{.board = board,
                                 .vassal = generation_->name,
                                 .generation = generation_->number,
                                 .journal = journal != nullptr ? journal : Journal::usual_path,
                                 .is_journal_wanted = stream != nullptr && !generation_->is_standalone,
                                 .is_standalone = generation_->is_standalone});
    log_->use_channel(std::move(log_channel_));
    log_->on_file_trouble = [this](const std::string& problem) { report(common::link::LogFile{problem}); };
    log_->use(config.log);
    if (!prepared) return fail({"environment", prepared.error().message(), ""});
    if (config.before_start.empty()) return begin_pool();
    run_before_start();
}

void Master::Impl::run_before_start() {
    report(Step{"before_start"});
    auto ends = open_process(command_, 0, nullptr, nullptr);
    if (!ends) return fail({"before_start", ends.error().message(), ""});
    for (LogPipe* pipe : {command_.out, command_.err})
        pipe->on_line = [this](std::string_view line) {
            command_lines_.emplace_back(line);
            if (command_lines_.size() > kept_command_lines) command_lines_.pop_front();
        };
    if (start_deadline_) {
        pool_timer_.expires_at(*start_deadline_);
        pool_timer_.async_wait([this](boost::system::error_code error) {
            if (error || pool_ || command_.pid == 0) return;
            has_command_timed_out_ = true;
            static_cast<void>(command_.send_signal(SIGKILL));
        });
    }
    RunCommand order{generation_->config.before_start, std::move(*ends)};
    outcomes_.emplace_back(std::in_place_type<RunCommand>, std::move(order));
}

void Master::Impl::on_command_exit(const ExitStatus& status) {
    pool_timer_.expires_at(TimePoint::max());
    // Lines of a process that it left running are log lines, but not this command's output any more.
    const std::vector<LogPipe*> pipes = {command_.out, command_.err};
    close_process(command_);
    for (const auto& pipe : pipes_)
        if (std::ranges::find(pipes, pipe.get()) != pipes.end()) pipe->on_line = nullptr;
    if (is_stopping_) return;
    if (status.is_success() && !has_command_timed_out_) return begin_pool();
    std::string detail;
    for (const std::string& line : command_lines_) detail += line + "\n";
    fail({"before_start", has_command_timed_out_ ? "not finished within timeouts.start" : status.text(), detail});
}

void Master::Impl::begin_pool() {
    const auto& config = generation_->config;
    report(Step{config.preload ? "preload" : "import"});
    PoolOptions& options = pool_options_;
    options = pool_options(config);
    options.jitter_seed = std::random_device{}();
    seats_.resize(static_cast<std::size_t>(lanes * options.workers));
    if (options.workers_min < options.workers) scaling_.emplace(scaling_options(options));
    watch_slow_requests();
    auto activity = link::Activity::create();
    if (!activity) return fail({"environment", activity.error().message(), ""});
    generation_->activity = std::move(*activity);
    watch_activity();
    if (const auto opened = open_access_log(config); !opened) return fail({"environment", opened.error().message(), ""});
    if (const auto watched = watch_sources(); !watched) return fail({"environment", watched.error().message(), ""});
    pool_.emplace(options);
    post(Begin{start_deadline_});
}

// What workers announce to nobody costs them a look at a page; so it can be listened to at any later time.
void Master::Impl::watch_activity() {
    if (!activity_watch_) activity_watch_.emplace(io_, *generation_->activity, [this] { watch_requests_from_now(); });
    if (activity_watch_->is_ticking() || !needs_activity(generation_->config)) return;
    activity_watch_->tick([this] { return tick(); });
}

common::Result<void> Master::Impl::open_access_log(const common::config::VassalConfig& config) {
    if (config.log.access == common::config::AccessLog::off) return {};
    auto format = common::config::access_format(config.log);
    if (!format) return common::failure("log.access_format: " + format.error().message());
    auto rings = common::access::Rings::make(
        static_cast<std::size_t>(std::clamp(config.workers, 1, common::scoreboard::max_workers)),
        static_cast<std::size_t>(std::clamp(config.threads, 1, common::scoreboard::max_threads)));
    if (!rings) return rings.error();
    generation_->access_rings = std::make_unique<common::access::Rings>(std::move(*rings));
    common::scoreboard::Board* board = generation_->scoreboard ? &generation_->scoreboard.board() : nullptr;
    access_log_ = std::make_unique<AccessLog>(
        common::access::LineWriter(std::move(*format), generation_->name, generation_->number),
        *generation_->access_rings, *log_, board);
    return {};
}

// Before there is a pool; afterwards the pool fails its start itself.
void Master::Impl::fail(StartFailure failure) {
    execute(ReportFailed{std::move(failure)});
    finish(1);
}

}  // namespace vassal::master
