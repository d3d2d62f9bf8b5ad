// SPDX-License-Identifier: Apache-2.0
#include "common/config/schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/config/json_path.h"
#include "common/config/schema_internal.h"

namespace common::config {

const Key* find_key(std::string_view path) noexcept {
    const auto all = keys();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Key& key) { return key.path == path; });
    return found == all.end() ? nullptr : &*found;
}

bool is_group(std::string_view path) noexcept {
    const auto all = keys();
    return std::any_of(all.begin(), all.end(), [&](const Key& key) {
        return key.path.size() > path.size() && key.path.starts_with(path) && key.path[path.size()] == '.';
    });
}

std::string_view leaf_of(std::string_view path) noexcept {
    const std::size_t dot = path.rfind('.');
    return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

std::string_view group_of(std::string_view path) noexcept {
    const std::size_t dot = path.rfind('.');
    return dot == std::string_view::npos ? std::string_view{} : path.substr(0, dot);
}

std::vector<std::string_view> groups() {
    std::vector<std::string_view> names;
    for (const Key& key : keys())
        if (const auto group = group_of(key.path);
            !group.empty() && std::find(names.begin(), names.end(), group) == names.end())
            names.push_back(group);
    return names;
}

std::vector<std::string_view> choices_of(const Key& key) {
    std::vector<std::string_view> choices;
    for (std::string_view rest = key.choices; !rest.empty();) {
        choices.push_back(rest.substr(0, rest.find('|')));
        rest.remove_prefix(std::min(rest.size(), choices.back().size() + 1));
    }
    return choices;
}

std::string_view name_of(ReloadClass reload) noexcept {
    switch (reload) {
        case ReloadClass::none: return "none";
        case ReloadClass::live: return "live";
        case ReloadClass::recycle: return "recycle";
        case ReloadClass::rollout: return "rollout";
        case ReloadClass::listeners: return "listeners";
    }
    return "none";
}

std::vector<const Key*> changed_keys(const nlohmann::json& before, const nlohmann::json& after) {
    std::vector<const Key*> changed;
    for (const Key& key : keys())
        if (at_path(before, key.path) != at_path(after, key.path)) changed.push_back(&key);
    return changed;
}

ReloadClass reload_class(const nlohmann::json& before, const nlohmann::json& after) {
    ReloadClass highest = ReloadClass::none;
    for (const Key* key : changed_keys(before, after)) highest = std::max(highest, key->reload);
    return highest;
}

}  // namespace common::config
