// SPDX-License-Identifier: Apache-2.0
// Another configuration for the generation that runs: what the master itself does by it changes at once, what workers
// read when they are forked changes with their replacements. All or nothing: whatever may fail is done first.
#include <algorithm>

#include "common/config/decode.h"
#include "common/config/schema.h"
#include "vassal/master/master_impl.h"

namespace vassal::master {

namespace {

using common::Clock;
using common::config::ReloadClass;
using common::config::VassalConfig;

int access_threads(const VassalConfig& config) { return std::clamp(config.threads, 1, common::scoreboard::max_threads); }

// wsgi.multiprocess is told to the app when it is imported.
bool is_multiprocess(const VassalConfig& config) { return config.workers > 1; }

// The first changed key that only a new generation can honour; empty: there is none.
std::string too_much(const nlohmann::json& before, const nlohmann::json& after) {
    for (const common::config::Key* key : common::config::changed_keys(before, after))
        if (key->reload > ReloadClass::recycle) return std::string(key->path);
    return {};
}

}  // namespace

void Master::Impl::on_reconfigure(common::link::Reconfigure& order) {
    const auto answer = [this, id = order.id](const char* outcome, const std::string& reason = {}) {
        report(common::link::Reconfigured{id, outcome, reason});
    };
    if (!pool_ || pool_->state() != PoolState::serving || is_stopping_) return answer("refused", "it does not serve");
    auto config = common::config::config_from_json(order.config);
    if (!config) return answer("refused", config.error().message());
    if (const std::string key = too_much(generation_->document, order.config); !key.empty())
        return answer("refused", key + " needs a new generation");
    const bool has_other_workers = order.with_workers || is_multiprocess(*config) != is_multiprocess(generation_->config) ||
                                   common::config::reload_class(generation_->document, order.config) == ReloadClass::recycle;
    const auto has_other_rings = use(std::move(*config));
    if (!has_other_rings) return answer("refused", has_other_rings.error().message());
    generation_->document = std::move(order.config);
    reconfiguration_ = order.id;
    // The mold has the former configuration in its memory.
    if (has_other_workers || *has_other_rings) renew_mold();
    answer(has_other_workers ? "taken" : "applied");
    use_workers();
    if (has_other_workers) post(RollRequested{"replaced: its configuration changed"});
}

// Everything but the workers. True: they have other memory for the access log from now on.
common::Result<bool> Master::Impl::use(VassalConfig config) {
    const VassalConfig& before = generation_->config;
    std::optional<files::Site> site;
    if (config.static_files != before.static_files) {
        auto opened = files::Site::open(config.static_files);
        if (!opened) return opened.error();
        site = std::move(*opened);
    }
    const auto has_other_rings = renew_access_log(config);
    if (!has_other_rings) return has_other_rings.error();
    if (site) generation_->site = std::move(*site);  // workers have inherited the directories of the former one
    log_->use(config.log);
    const bool watched_requests = before.timeouts.request.count() > 0;
    const bool has_other_slowness = config.log.slow != before.log.slow;
    generation_->config = std::move(config);
    watch_activity();
    if (has_other_slowness) watch_slow_requests();
    if (generation_->config.timeouts.request.count() > 0)
        look_at_requests_now();
    else if (watched_requests)
        watch_timer_.cancel();
    return has_other_rings;
}

// Rings fit a number of workers and threads, and records a format: what changes there begins a new log. The old one is
// read as long as somebody may write to it. True: workers need to hear of it.
common::Result<bool> Master::Impl::renew_access_log(const VassalConfig& next) {
    const VassalConfig& before = generation_->config;
    const bool is_on = next.log.access != common::config::AccessLog::off;
    const auto sets = static_cast<std::size_t>(lanes * std::clamp(next.workers, 1, common::scoreboard::max_workers));
    const bool fits = generation_->access_rings && generation_->access_rings->sets() >= sets &&
                      access_threads(next) == access_threads(before) && next.log.access == before.log.access &&
                      next.log.access_format == before.log.access_format;
    if (fits || (!is_on && !access_log_)) return false;
    PastAccessLog past{std::move(generation_->access_rings), std::move(access_log_), Clock::now()};
    if (const auto opened = open_access_log(next); !opened) {
        generation_->access_rings = std::move(past.rings);
        access_log_ = std::move(past.log);
        return opened.error();
    }
    if (past.log) past_access_logs_.push_back(std::move(past));
    return true;
}

void Master::Impl::drain_access_logs() {
    const TimePoint now = Clock::now();
    if (access_log_) access_log_->drain(now);
    for (const PastAccessLog& past : past_access_logs_) past.log->drain(now);
    std::erase_if(past_access_logs_, [this](const PastAccessLog& past) {
        const bool may_be_written = std::ranges::any_of(
            seats_, [&](const Seat& each) { return each.is_taken && each.forked_at <= past.ended_at; });
        if (!may_be_written) past.log->finish();
        return !may_be_written;
    });
}

// Places first: the pool may fill them at once.
void Master::Impl::use_workers() {
    const PoolOptions options = pool_options(generation_->config);
    const auto places = static_cast<std::size_t>(lanes * options.workers);
    if (places > seats_.size()) seats_.resize(places);
    post(Reconfigured{options});
    if (options.workers_min == options.workers) {
        scaling_.reset();
        scaling_timer_.cancel();
        return;
    }
    if (!scaling_) scaling_.emplace(scaling_options(options));
    scaling_->use(scaling_options(options), pool_->wanted(), Clock::now());
}

// Another one is started when the next worker is wanted. One that still imports has forked nobody and ends now; any
// other takes the end of its link for the order to go, after the orders that are on their way to it.
void Master::Impl::renew_mold() {
    if (mold_state_ == MoldState::absent) return;
    if (mold_state_ == MoldState::starting) static_cast<void>(mold_.send_signal(SIGKILL));
    dismiss_mold();
    retire(io_, std::move(mold_.link));
    mold_ = Process{};  // its pipes are read to their end; its exit means nothing any more
    mold_state_ = MoldState::absent;
    mold_failure_.reset();
    if (std::ranges::any_of(seats_, [](const Seat& each) { return each.is_waiting_for_mold; })) start_mold();
}

void Master::Impl::execute(const ReportRolled&) {
    if (reconfiguration_ != 0) report(common::link::Reconfigured{reconfiguration_, "applied", ""});
}

void Master::Impl::execute(const ReportRollStalled& command) {
    if (reconfiguration_ != 0) report(common::link::Reconfigured{reconfiguration_, "stalled", command.reason});
}

}  // namespace vassal::master
