// SPDX-License-Identifier: Apache-2.0
// What a rescan would do, without doing it.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "common/config/json_path.h"
#include "common/config/schema.h"
#include "emperor/fleet/fleet.h"

namespace emperor::fleet {

namespace config = common::config;

namespace {

std::vector<Difference::Value> values_that_differ(const nlohmann::json& before, const nlohmann::json& after) {
    std::vector<Difference::Value> values;
    for (const config::Key* key : config::changed_keys(before, after))
        values.push_back({std::string(key->path), config::at_path(before, key->path), config::at_path(after, key->path)});
    return values;
}

std::string word_for(config::ReloadClass change) {
    return change == config::ReloadClass::none ? "" : std::string(config::name_of(change));
}

bool contains(const std::vector<Difference>& differences, const std::string& app) {
    return std::ranges::any_of(differences, [&](const Difference& one) { return one.app == app; });
}

Difference difference_of(const plan::Action& action, const plan::Known& known) {
    Difference difference;
    difference.app = action.name;
    difference.action = plan::name_of(action.kind);
    const bool runs_already = action.kind != plan::Action::Kind::added;
    difference.change = runs_already ? word_for(action.reload) : "";
    difference.cause = action.cause;
    difference.diagnostics = action.diagnostics;
    const auto found = known.find(action.name);
    if (runs_already && found != known.end() && found->second.values && action.file && action.file->effective)
        difference.values = values_that_differ(*found->second.values, *action.file->effective->values);
    return difference;
}

Difference known_invalid(const VassalView& view) {
    Difference difference;
    difference.app = view.name;
    difference.action = plan::name_of(plan::Action::Kind::invalid);
    difference.cause = view.status.active != 0 ? "the last valid one runs" : "nothing runs";
    difference.diagnostics = view.diagnostics;
    return difference;
}

// Messages name the file that was asked about, and the defaults beside it.
void rename(common::config::Diagnostics& findings, const std::string& from, const std::string& to) {
    const auto directory = [](const std::string& path) { return path.substr(0, path.rfind('/') + 1); };
    for (common::config::Diagnostic& finding : findings) {
        if (finding.file == from) finding.file = to;
        else if (finding.file == directory(from) + "_defaults.yaml") finding.file = directory(to) + "_defaults.yaml";
    }
}

}  // namespace

std::vector<Difference> Fleet::diff() {
    // Own ones: the fleet's have seen no more than it has acted upon. A day ahead, so that nothing counts as half-written.
    watch::Scanner scanner(options_.directories, ::geteuid());
    const watch::Scan scan = scanner.scan(std::chrono::system_clock::now() + std::chrono::hours(24));
    DesiredBuilder builder(options_.sockets_directory());
    const plan::Desired desired = builder.build(scan, holders());
    const plan::Known as_known = known();
    std::vector<Difference> differences;
    for (const plan::Action& action : plan::plan(desired, as_known)) differences.push_back(difference_of(action, as_known));
    // What runs although its file, which is known, says something else: invalid, failed, rolled back, or under way.
    for (const auto& [name, host] : hosts_) {
        if (host->is_removed() || contains(differences, name)) continue;
        if (!host->invalid_text().empty()) {
            differences.push_back(known_invalid(host->glance()));
            continue;
        }
        const DeploymentPtr running = host->in_use();
        if (!running || !host->desired() || running == host->desired()) continue;
        Difference difference;
        difference.app = name;
        difference.action = "not_applied";
        difference.values = values_that_differ(*as_in_file(*running)->values, *as_in_file(*host->desired())->values);
        if (difference.values.empty()) continue;
        difference.change = word_for(
            config::reload_class(*as_in_file(*running)->values, *as_in_file(*host->desired())->values));
        const supervise::VassalStatus status = host->glance().status;
        difference.cause = status.last_reload.empty() || status.last_reload == "ok" ? status.reason : status.last_reload;
        differences.push_back(std::move(difference));
    }
    std::ranges::stable_sort(differences, {}, &Difference::app);
    return differences;
}

Difference Fleet::diff(const CandidateFile& candidate) {
    const plan::Known as_known = known();
    const auto found = as_known.find(candidate.name);
    // Where it would lie, and whose it would be.
    watch::ScannedFile file;
    file.name = candidate.name;
    file.path = found != as_known.end() ? found->second.path : options_.directories.front() + "/" + candidate.name + ".yaml";
    file.text = std::make_shared<const std::string>(candidate.text);
    struct stat status {};
    const bool is_there = ::stat(file.path.c_str(), &status) == 0;
    file.uid = is_there ? status.st_uid : ::geteuid();
    file.gid = is_there ? status.st_gid : ::getegid();
    if (found != as_known.end()) file.stamp = found->second.stamp;  // a touch is not what is asked about
    std::optional<watch::ScannedFile> defaults;
    if (candidate.defaults) {
        defaults.emplace();
        defaults->path = file.path.substr(0, file.path.rfind('/')) + "/_defaults.yaml";
        defaults->text = std::make_shared<const std::string>(*candidate.defaults);
    }
    const DesiredBuilder builder(options_.sockets_directory(), candidate.knows_variables);
    plan::Desired desired;
    desired.files.push_back(builder.examine(file, defaults));
    plan::Known alone;
    if (found != as_known.end()) {
        alone.insert(*found);
        // The release and the invalid text of now are the deployed file's matter.
        desired.files.front().watched = found->second.watched;
        alone.begin()->second.invalid.clear();
    }
    std::vector<plan::Action> actions = plan::plan(desired, alone);
    // With the deployed file's stamp an edit looks like one of the defaults.
    if (!actions.empty() && actions.front().kind == plan::Action::Kind::defaults_changed) {
        actions.front().kind = plan::Action::Kind::changed;
        actions.front().cause = "edited";
    }
    if (!actions.empty()) {
        Difference difference = difference_of(actions.front(), alone);
        if (!candidate.shown_path.empty()) rename(difference.diagnostics, file.path, candidate.shown_path);
        return difference;
    }
    Difference unchanged;
    unchanged.app = candidate.name;
    unchanged.action = "unchanged";
    return unchanged;
}

}  // namespace emperor::fleet
