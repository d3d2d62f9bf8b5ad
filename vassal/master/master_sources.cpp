// SPDX-License-Identifier: Apache-2.0
// `autoreload`: the app's files changed, so it is loaded anew. Under an emperor by a rollout. Stand-alone worker by worker,
// replacement first; what does not load is not tried again before the next change, and where nothing ran before, the
// master waits for one.
#include <algorithm>
#include <utility>

#include "common/base/clock.h"
#include "vassal/master/master_impl.h"

namespace vassal::master {

namespace {

constexpr std::size_t max_failed_sources = 32;  // they travel in one message
constexpr std::size_t max_told = 32;            // likewise
constexpr std::size_t max_shown = 3;

std::string words_for(const std::vector<std::string>& paths) {
    std::string text;
    for (std::size_t i = 0; i < std::min(paths.size(), max_shown); ++i) text += (i > 0 ? ", " : "") + paths[i];
    if (paths.size() > max_shown) text += " and " + std::to_string(paths.size() - max_shown) + " more";
    return text + " changed";
}

}  // namespace

common::Result<void> Master::Impl::watch_sources() {
    if (!generation_->config.autoreload) return {};
    source_watch_.emplace(io_, [this](const std::vector<std::string>& paths) { on_sources_changed(paths); });
    return source_watch_->open();
}

void Master::Impl::on_sources(const std::vector<std::string>& files, TimePoint loaded_at) {
    if (!source_watch_) return;
    const common::WallTime since = std::chrono::system_clock::now() -
                                   std::chrono::duration_cast<common::WallTime::duration>(common::Clock::now() - loaded_at);
    if (const auto added = source_watch_->add(files, since); !added) log_->say("autoreload: " + added.error().message());
    if (pool_->state() != PoolState::starting) return;
    // Where the start fails, the emperor has to know what to look at; the last that are told are what it failed of.
    failed_sources_.insert(failed_sources_.end(), files.begin(), files.end());
    if (failed_sources_.size() > max_failed_sources)
        failed_sources_.erase(failed_sources_.begin(), failed_sources_.end() - max_failed_sources);
}

void Master::Impl::on_sources_changed(const std::vector<std::string>& paths) {
    const std::string cause = words_for(paths);
    if (is_waiting_for_fix_) {
        log_->say("start again: " + cause);
        return start_again();
    }
    switch (pool_->state()) {
        case PoolState::idle:
        case PoolState::starting:
        case PoolState::ready: pending_change_ = cause; return;
        case PoolState::serving: return reload_for_sources(cause, paths);
        case PoolState::stopping:
        case PoolState::finished: pending_change_ = cause; return;  // of interest where it stops because it cannot start
    }
}

void Master::Impl::reload_for_sources(const std::string& cause, const std::vector<std::string>& paths) {
    if (generation_->is_standalone) return roll(cause, false);
    log_->say("reload: " + cause);
    report(common::link::SourcesChanged{cause, paths.size() <= max_told ? paths : std::vector<std::string>{}});
}

void Master::Impl::roll(const std::string& cause, bool is_retried) {
    log_->say("reload: " + cause);
    replace_mold();
    post(RollRequested{cause, is_retried});
}

void Master::Impl::wait_for_fix() {
    is_waiting_for_fix_ = true;
    if (std::string cause = std::exchange(pending_change_, {}); !cause.empty()) {
        log_->say("start again: " + cause);
        return start_again();
    }
    log_->say("waiting for a change of the app's files");
}

// Outside of the pool's own turn: it is made anew.
void Master::Impl::start_again() {
    is_waiting_for_fix_ = false;
    boost::asio::post(io_, [this] {
        if (is_stopping_) return finish(1);
        has_failed_ = false;
        failed_sources_.clear();
        replace_mold();
        if (start_deadline_) start_deadline_ = common::Clock::now() + generation_->config.timeouts.start;
        started_at_ = common::Clock::now();
        pool_.emplace(pool_options_);
        post(Begin{start_deadline_});
    });
}

}  // namespace vassal::master
