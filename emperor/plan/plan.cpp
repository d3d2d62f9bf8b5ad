// SPDX-License-Identifier: Apache-2.0
#include "emperor/plan/plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace emperor::plan {

using common::config::Diagnostic;
using common::config::Diagnostics;
using common::config::ReloadClass;
using Files = std::vector<const DesiredFile*>;

namespace {

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

bool lies_in(const std::string& path, const std::vector<std::string>& directories) {
    const std::string directory = directory_of(path);
    return std::find(directories.begin(), directories.end(), directory) != directories.end();
}

// One name, several files: each of them is named, at the first one's place.
Diagnostics same_name(const Files& files) {
    std::string others;
    for (const DesiredFile* file : files)
        if (file != files.front()) others += (others.empty() ? "" : ", ") + file->path;
    Diagnostic finding;
    finding.file = files.front()->path;
    finding.message = "the name '" + files.front()->name + "' is used by " + files.front()->path + " and " + others +
                      " (remove or rename all but one)";
    return {finding};
}

Action make(Action::Kind kind, const DesiredFile& file, ReloadClass reload, std::string cause) {
    return {
        .kind = kind, .name = file.name, .file = &file, .reload = reload, .cause = std::move(cause), .diagnostics = {}};
}

std::vector<std::string> keys_that_differ(const nlohmann::json& before, const nlohmann::json& after) {
    std::vector<std::string> paths;
    for (const common::config::Key* key : common::config::changed_keys(before, after)) paths.emplace_back(key->path);
    return paths;
}

std::optional<Action> compare_invalid(const DesiredFile& file, const Diagnostics& diagnostics,
                                      const KnownVassal* known) {
    if (known && known->invalid == common::config::render(diagnostics)) return std::nullopt;
    Action action = make(Action::Kind::invalid, file, ReloadClass::none, "invalid");
    action.diagnostics = diagnostics;
    return action;
}

// The first watched path that is not what it was; empty: none.
std::string changed_path(const watch::WatchedStamps& now, const watch::WatchedStamps& before) {
    for (const auto& [path, stamp] : now)
        if (const auto known = before.find(path); known != before.end() && known->second != stamp) return path;
    return {};
}

std::optional<Action> compare_valid(const DesiredFile& file, const KnownVassal* known) {
    using Kind = Action::Kind;
    if (!known || !known->values) return make(Kind::added, file, ReloadClass::listeners, "new file");
    // Nearly always the very same document: key by key only what may differ.
    ReloadClass difference = known->values == file.effective->values
                                 ? ReloadClass::none
                                 : common::config::reload_class(*known->values, *file.effective->values);
    const std::string other_path = changed_path(file.watched, known->watched);
    // A release and an edit that are seen together: the release must not be lost behind a cheap edit.
    if (difference != ReloadClass::none && !other_path.empty()) difference = std::max(difference, ReloadClass::rollout);
    const auto with_keys = [&](Action action) {
        action.keys = keys_that_differ(*known->values, *file.effective->values);
        return action;
    };
    const bool has_same_owner = known->uid == file.uid && known->gid == file.gid;
    if (!has_same_owner)
        return with_keys(make(Kind::changed, file, std::max(difference, ReloadClass::rollout), "the file has another owner"));
    const bool has_same_stamp = known->stamp == file.stamp && known->path == file.path;
    if (difference != ReloadClass::none)
        return with_keys(has_same_stamp ? make(Kind::defaults_changed, file, difference, "_defaults.yaml edited")
                                        : make(Kind::changed, file, difference, "edited"));
    if (!has_same_stamp) return make(Kind::touched, file, ReloadClass::rollout, "touched");
    if (!other_path.empty()) return make(Kind::touched, file, ReloadClass::rollout, other_path + " changed");
    if (!known->invalid.empty()) return make(Kind::recovered, file, ReloadClass::none, "valid again");
    return std::nullopt;
}

std::optional<Action> compare(const Files& files, const KnownVassal* known) {
    const DesiredFile& file = *files.front();
    if (files.size() > 1) return compare_invalid(file, same_name(files), known);
    return file.effective ? compare_valid(file, known) : compare_invalid(file, file.diagnostics, known);
}

int rank(Action::Kind kind) {
    switch (kind) {
        case Action::Kind::removed: return 0;
        case Action::Kind::invalid: return 1;
        case Action::Kind::changed:
        case Action::Kind::touched:
        case Action::Kind::defaults_changed:
        case Action::Kind::recovered: return 2;
        case Action::Kind::added: return 3;
    }
    return 4;
}

}  // namespace

std::vector<Action> plan(const Desired& desired, const Known& known) {
    std::map<std::string_view, Files> by_name;
    for (const DesiredFile& file : desired.files) by_name[file.name].push_back(&file);

    std::vector<Action> actions;
    const auto is_unknowable = [&](const KnownVassal& vassal) {
        return lies_in(vassal.path, desired.unreadable_directories);
    };
    for (const auto& [name, vassal] : known)
        if (!by_name.contains(name) && !is_unknowable(vassal))
            actions.push_back(
                {.kind = Action::Kind::removed, .name = name, .cause = "the file was removed", .diagnostics = {}});
    for (const auto& [name, files] : by_name) {
        const auto found = known.find(name);
        const KnownVassal* vassal = found == known.end() ? nullptr : &found->second;
        // Its own file cannot be seen now; one of the same name elsewhere must not replace it meanwhile.
        if (vassal && is_unknowable(*vassal)) continue;
        if (std::optional<Action> action = compare(files, vassal)) actions.push_back(std::move(*action));
    }
    std::stable_sort(actions.begin(), actions.end(),
                     [](const Action& a, const Action& b) { return rank(a.kind) < rank(b.kind); });
    return actions;
}

std::string_view name_of(Action::Kind kind) noexcept {
    switch (kind) {
        case Action::Kind::removed: return "removed";
        case Action::Kind::invalid: return "invalid";
        case Action::Kind::changed: return "changed";
        case Action::Kind::touched: return "touched";
        case Action::Kind::defaults_changed: return "defaults_changed";
        case Action::Kind::recovered: return "recovered";
        case Action::Kind::added: return "added";
    }
    return "unknown";
}

}  // namespace emperor::plan
