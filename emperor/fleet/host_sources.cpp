// SPDX-License-Identifier: Apache-2.0
// `autoreload`: the master of the active generation tells that files of the app's code changed, and the app is reloaded the
// operators' way; unlike the app's own wishes this overtakes a rollout in progress, whose successor may have read the old
// file. What could not start has no master: the files that its import failed of are looked at from here.
#include <algorithm>

#include "common/log/log.h"
#include "emperor/fleet/vassal_host.h"
#include "emperor/process/act_as.h"

namespace emperor::fleet {

namespace link = common::link;

void VassalHost::on_sources_changed(const Instance& instance, const link::SourcesChanged& message) {
    if (machine_.status().active != instance.generation() || is_reloaded_for(message.files)) return;
    source_cause_ = message.cause;
    const common::TimePoint now = common::Clock::now();
    const auto due = source_reloads_.wish(now);
    if (!due) return;
    if (*due <= now) return reload_for_sources();
    source_timer_.arm(*due, [this] { reload_for_sources(); });
}

// A file that both the running code and the failed one came from is watched by the master and from here: one save is told
// twice. By whatever path: it may lie behind links.
bool VassalHost::is_reloaded_for(const std::vector<std::string>& files) const {
    if (files.empty() || reloaded_sources_.empty()) return false;
    const process::ActAs rights(failed_identity_);
    return std::ranges::all_of(files, [this](const std::string& path) {
        const watch::FileStamp now = watch::stamp_of(path);
        return now.inode != 0 && std::ranges::any_of(reloaded_sources_, [&now](const auto& item) {
            const watch::FileStamp& then = item.second;
            return then.inode == now.inode && then.mtime_ns == now.mtime_ns && then.size == now.size;
        });
    });
}

void VassalHost::reload_for_sources() {
    source_reloads_.fulfil(common::Clock::now());
    failed_sources_.clear();
    common::log::info("source changed", {{"vassal", name_}, {"reason", source_cause_}});
    const std::uint64_t ticket = ++last_ticket_;
    waiting_.emplace(ticket, [name = name_](const Outcome& outcome) {
        // A start that failed is reported by the machine; a refusal (stopped by an operator, an invalid file) by nobody else.
        if (outcome.ok || (outcome.failure.step != "refused" && outcome.failure.step != "configuration")) return;
        common::log::info("reload refused", {{"vassal", name}, {"reason", outcome.failure.reason}});
    });
    push(supervise::OperatorRequest{supervise::Operation::reload, ticket, {source_cause_}});
}

void VassalHost::on_failed_sources(const Instance& instance, const link::FailedSources& message) {
    failed_identity_ = instance.launch()->deployment->identity;
    {
        const process::ActAs rights(failed_identity_);
        failed_sources_ = watch::stamps_of(message.files);
    }
    context_.look_again();  // which watches them
}

void VassalHost::look_at_failed_sources() {
    if (failed_sources_.empty() || is_removed_ || is_shutting_down_) return;
    std::string changed;
    watch::WatchedStamps now;
    {
        const process::ActAs rights(failed_identity_);
        for (const auto& [path, stamp] : failed_sources_)
            if (now[path] = watch::stamp_of(path); now[path] != stamp) changed = path;
    }
    if (changed.empty()) return;
    reloaded_sources_ = std::move(now);
    source_cause_ = changed + " changed";
    reload_for_sources();
}

}  // namespace emperor::fleet
