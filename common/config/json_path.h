// SPDX-License-Identifier: Apache-2.0
// Reads and writes a value of the canonical document under its dotted path. Internal to this room.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace common::config {

// null where the path is absent; borrows from `document`.
[[nodiscard]] inline const nlohmann::json& at_path(const nlohmann::json& document, std::string_view path) {
    static const nlohmann::json absent;
    const nlohmann::json* node = &document;
    while (!path.empty()) {
        const std::size_t dot = path.find('.');
        if (!node->is_object()) return absent;
        const auto found = node->find(std::string(path.substr(0, dot)));
        if (found == node->end()) return absent;
        node = &*found;
        path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
    }
    return *node;
}

inline void set_path(nlohmann::json& document, std::string_view path, nlohmann::json value) {
    nlohmann::json* node = &document;
    while (!path.empty()) {
        const std::size_t dot = path.find('.');
        node = &(*node)[std::string(path.substr(0, dot))];
        path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
    }
    *node = std::move(value);
}

}  // namespace common::config
