// SPDX-License-Identifier: Apache-2.0
// The level-triggered half of the fleet: look at the directories, compare with what is there, tell the hosts.
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "common/log/log.h"
#include "emperor/fleet/fleet.h"
#include "emperor/fleet/record.h"
#include "emperor/fleet/scale.h"

namespace emperor::fleet {

namespace log = common::log;
using plan::Action;

namespace {

std::vector<std::string> targets_of(const watch::Scan& scan, const plan::Desired& desired,
                                    const std::map<std::string, std::unique_ptr<VassalHost>, std::less<>>& hosts) {
    std::vector<std::string> paths = scan.link_targets;
    for (const plan::DesiredFile& file : desired.files)
        for (const auto& [path, stamp] : file.watched) paths.push_back(path);
    for (const auto& [name, host] : hosts)
        for (const auto& [path, stamp] : host->failed_sources()) paths.push_back(path);
    return paths;
}

supervise::Change change_for(common::config::ReloadClass reload) {
    using common::config::ReloadClass;
    switch (reload) {
        case ReloadClass::live: return supervise::Change::live;
        case ReloadClass::recycle: return supervise::Change::recycle;
        case ReloadClass::none:
        case ReloadClass::rollout:
        case ReloadClass::listeners: break;
    }
    return supervise::Change::rollout;
}

}  // namespace

void Fleet::scan_now() {
    if (!is_scanning_allowed_ || is_shutting_down_) return;
    if (observer_.on_scan) observer_.on_scan();
    const watch::Scan scan = scanner_.scan(std::chrono::system_clock::now(), watcher_.is_in_a_burst());
    note_directories(scan);
    plan::Desired desired = builder_.build(scan, holders());
    refuse_foreign(desired);
    has_listen_failures_ = false;
    for (const Action& action : plan::plan(desired, known())) apply(action);
    complete_adopted(desired);
    name_owners(desired);
    // What the keeper has of a vassal that is left alone stays there.
    const auto waits_for_its_file = [this](const std::string& name) {
        const auto found = hosts_.find(name);
        return found != hosts_.end() && !found->second->desired() && !found->second->invalid_text().empty();
    };
    if (foreign_.empty()) keepsakes_.forget_rest(waits_for_its_file);
    host_links_.mend();
    for (const auto& [name, host] : hosts_) {
        host->replace_unlinked();
        host->restore_sockets();
        host->look_at_failed_sources();
    }
    std::vector<std::string> targets = targets_of(scan, desired, hosts_);
    targets.push_back(options_.lock_file());
    watcher_.watch_targets(targets);
    if (scan.rescan_after) watcher_.rescan_after(*scan.rescan_after);
    // An address in use becomes free without a word from inotify.
    if (has_listen_failures_ || !foreign_.empty()) watcher_.rescan_after(std::chrono::seconds(2));
    if (!std::exchange(is_ready_, true)) {
        remove_remains();
        if (observer_.on_ready) observer_.on_ready();
    }
    if (observer_.on_scanned) observer_.on_scanned();
}

// Nothing is started where something foreign or damaged lies: a master that it knew of may be serving.
void Fleet::refuse_foreign(plan::Desired& desired) {
    for (auto item = foreign_.begin(); item != foreign_.end();) {
        item->second = why_foreign(options_.directory_of(item->first));
        if (!item->second.empty()) {
            ++item;
            continue;
        }
        log::info("directory cleared", {{"vassal", item->first}});
        if (const auto found = hosts_.find(item->first); found != hosts_.end()) found->second->own_directory();
        item = foreign_.erase(item);
    }
    for (plan::DesiredFile& file : desired.files) {
        const auto found = foreign_.find(file.name);
        if (found == foreign_.end()) continue;
        common::config::Diagnostic finding;
        finding.file = file.path;
        finding.message = "the emperor's own records of this app are damaged and were left alone: " + found->second +
                          " (end what still runs of the app, then remove " + options_.directory_of(file.name) + ")";
        file.effective = nullptr;
        file.diagnostics = {std::move(finding)};
    }
}

// Of vassals whose file was removed while no emperor was there.
void Fleet::remove_remains() {
    // Of a directory that cannot be read right now nothing is known.
    if (std::ranges::any_of(directory_problems_, [](const auto& item) { return !item.second.empty(); })) return;
    host_links_.remove_stale();
    for (const std::string& name : recorded_names(options_)) {
        if (hosts_.contains(name) || foreign_.contains(name)) continue;
        const std::string directory = options_.directory_of(name);
        static_cast<void>(write_rollback(directory, {}));
        static_cast<void>(write_scale(directory, {}));
        remove_vassal_directory(directory);
    }
}

// An adopted configuration came from a record, which knows no origins: the file, if it still says the same, does.
void Fleet::complete_adopted(const plan::Desired& desired) {
    for (const plan::DesiredFile& file : desired.files) {
        const auto found = hosts_.find(file.name);
        if (found == hosts_.end() || !file.effective || !found->second->desired()) continue;
        const Deployment& known = *found->second->desired();
        if (known.file == file.path && as_in_file(known)->origins.empty() &&
            *as_in_file(known)->values == *file.effective->values)
            found->second->refresh(file.effective);
    }
}

// Who may see what is wrong with a file that was never valid. The first one of a name stands for it.
void Fleet::name_owners(const plan::Desired& desired) {
    for (auto file = desired.files.rbegin(); file != desired.files.rend(); ++file)
        if (const auto found = hosts_.find(file->name); found != hosts_.end()) found->second->set_file_owner(file->uid);
}

void Fleet::note_directories(const watch::Scan& scan) {
    for (const watch::ScannedDirectory& directory : scan.directories) {
        std::string names;
        for (const std::string& name : directory.ignored) names += (names.empty() ? "" : ", ") + name;
        if (std::string& known = ignored_files_[directory.path]; directory.problem.empty() && known != names) {
            known = names;
            if (!names.empty())
                log::warn("files ignored", {{"directory", directory.path}, {"files", names.substr(0, 500)},
                                            {"reason", "a vassal's file is named NAME.yaml or NAME.yml"}});
        }
        std::string& problem = directory_problems_[directory.path];
        if (problem == directory.problem) continue;
        problem = directory.problem;
        if (problem.empty()) log::info("directory readable again", {{"directory", directory.path}});
        else log::error("directory unreadable", {{"directory", directory.path}, {"reason", problem}});
    }
}

// Also of a vassal that is stopped, or whose file is invalid by now.
DesiredBuilder::Holders Fleet::holders() const {
    DesiredBuilder::Holders holders{host_links_.holders(), {}};
    for (const auto& [name, host] : hosts_) {
        if (host->is_removed()) continue;
        for (const DeploymentPtr& deployment : {host->in_use(), host->desired()}) {
            if (!deployment) continue;
            for (const auto& listener : deployment->effective->config.listen)
                holders.addresses.emplace(listener.address.text(), name);
        }
    }
    return holders;
}

plan::Known Fleet::known() const {
    plan::Known known;
    for (const auto& [name, host] : hosts_) {
        if (host->is_removed()) continue;
        plan::KnownVassal item;
        item.path = host->file();
        item.invalid = host->invalid_text();
        if (const DeploymentPtr& desired = host->desired()) {
            item.path = desired->file;
            item.values = as_in_file(*desired)->values;
            item.stamp = desired->stamp;
            item.watched = desired->watched;
            item.uid = desired->identity.uid;
            item.gid = desired->identity.gid;
        }
        known.emplace(name, std::move(item));
    }
    return known;
}

VassalHost& Fleet::host_of(const std::string& name) {
    auto& host = hosts_[name];
    if (host) return *host;
    ++names_version_;
    host = std::make_unique<VassalHost>(io_, *this, options_, keepsakes_, name, !foreign_.contains(name));
    return *host;
}

bool Fleet::desire(VassalHost& host, const plan::DesiredFile& file, const std::string& cause, supervise::Change change) {
    auto deployment = std::make_shared<Deployment>();
    deployment->file = file.path;
    deployment->stamp = file.stamp;
    deployment->watched = file.watched;
    deployment->identity = builder_.identity_of(file.path);
    deployment->effective = file.effective;
    deployment->spec = make_spec(file.effective->config);
    return host.desire(std::move(deployment), cause, change);
}

// Who wrote it cannot be known, whose the file is can. Values are not told: there may be secrets among them.
void Fleet::note_edit(const Action& action) {
    if (action.keys.empty()) return;
    const std::filesystem::path file(action.file->path);
    const std::string path = action.kind == Action::Kind::defaults_changed ? file.parent_path() / "_defaults.yaml" : file;
    struct stat status {};
    std::string text = path;
    if (::stat(path.c_str(), &status) == 0) {
        const common::config::Identity identity = builder_.identity_of(action.file->path);
        const bool is_known = identity.uid == status.st_uid && !identity.user.empty();
        text += " of " + (status.st_uid == 0 ? "root" : is_known ? identity.user : "uid " + std::to_string(status.st_uid));
    }
    for (std::size_t at = 0; at < action.keys.size(); ++at) text += (at == 0 ? ": " : ", ") + action.keys[at];
    note(action.name, "edited", text);
}

void Fleet::apply(const Action& action) {
    log::debug("planned", {{"vassal", action.name}, {"action", plan::name_of(action.kind)}, {"cause", action.cause}});
    switch (action.kind) {
        case Action::Kind::removed:
            if (const auto found = hosts_.find(action.name); found != hosts_.end()) found->second->remove();
            return;
        case Action::Kind::invalid:
            host_of(action.name).refuse(action.file ? action.file->path : "", action.diagnostics);
            return;
        case Action::Kind::recovered: host_of(action.name).recover(); return;
        case Action::Kind::changed:
        case Action::Kind::touched:
        case Action::Kind::defaults_changed:
        case Action::Kind::added:
            note_edit(action);
            if (!desire(host_of(action.name), *action.file, action.cause, change_for(action.reload))) has_listen_failures_ = true;
            return;
    }
}

}  // namespace emperor::fleet
