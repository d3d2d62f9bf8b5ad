// SPDX-License-Identifier: Apache-2.0
// One document (or one --set) decoded against the key table: a value per key that it mentions, with origins. Layers are
// laid over each other: built-in defaults, _defaults.yaml, the vassal's file. Internal to this room.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "common/config/decode.h"
#include "common/config/expand.h"
#include "common/config/schema.h"
#include "common/config/yaml_tree.h"

namespace common::config {

inline constexpr std::size_t max_diagnostics = 100;  // shown of one decode

struct Setting {
    const Key* key = nullptr;
    nlohmann::json value;
    std::map<std::string, Origin> origins;  // of the key and of its elements
};

struct Layer {
    std::map<std::string, Setting, std::less<>> settings;  // by dotted path
    std::set<std::string, std::less<>> mentioned;          // also those whose value was an error

    // Groups and `env` are merged key by key, everything else is replaced whole.
    void lay_over(Layer upper);
    [[nodiscard]] const Origin* origin(std::string_view path) const;
};

[[nodiscard]] Layer built_in_layer();

class LayerDecoder {
public:
    // Everything is borrowed. `expands` is false where a shell has expanded already.
    LayerDecoder(const SourceText& source, Origin::Kind kind, const DecodeOptions& options, bool expands,
                 Diagnostics& diagnostics)
        : source_(source), kind_(kind), options_(options), expands_(expands), diagnostics_(diagnostics) {}

    [[nodiscard]] Layer decode(const Node& root);
    // One value for one key; also used for --set.
    void decode_value(const Key& key, const Node& place, const Node& value);
    void decode_env_entry(const Node& name, const Node& value);
    [[nodiscard]] Layer take() { return std::move(layer_); }

private:
    struct Text {
        std::string text;
        bool is_word = true;
    };

    void walk(const Node& map, const std::string& prefix);
    void decode_list(const Key& key, const Node& value);
    void decode_map(const Key& key, const Node& place, const Node& value);
    void decode_path_entry(const Key& key, const Node& name, const Node& value);
    void decode_range(const Key& key, const Node& value);
    void decode_element(const Key& key, const Node& node, Setting& setting);
    [[nodiscard]] std::optional<Text> expanded(const Node& node);

    void unknown_key(const Node& name, const std::string& path);
    void error(const Node& node, std::string message);
    [[nodiscard]] Origin origin_of(const Node& node) const;
    void store(const Key& key, nlohmann::json value, const Node& node);

    const SourceText& source_;
    Origin::Kind kind_;
    const DecodeOptions& options_;
    bool expands_;
    Diagnostics& diagnostics_;
    Layer layer_;
};

}  // namespace common::config
