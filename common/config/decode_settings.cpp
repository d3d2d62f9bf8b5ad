// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <utility>

#include "common/config/assemble.h"
#include "common/config/decode.h"
#include "common/config/layer.h"
#include "common/config/schema_internal.h"
#include "common/config/source_text.h"
#include "common/config/suggest.h"
#include "common/config/yaml_tree.h"

namespace common::config {

namespace {

bool takes_raw_text(const Key& key, std::string_view value) {
    switch (key.kind) {
        case ValueKind::text:
        case ValueKind::path:
        case ValueKind::percent:
        case ValueKind::choice: return true;
        case ValueKind::text_list:
        case ValueKind::listen_list: return !value.starts_with('[');
        case ValueKind::boolean:
        case ValueKind::integer:
        case ValueKind::duration:
        case ValueKind::size:
        case ValueKind::mode:
        case ValueKind::workers:
        case ValueKind::text_map:
        case ValueKind::path_map: break;
    }
    return false;
}

Node scalar(std::string_view text, bool is_plain) {
    Node node;
    node.kind = Node::Kind::scalar;
    node.text = std::string(text);
    node.is_plain = is_plain;
    return node;
}

void forget_positions(Node& node) {
    node.position = {};
    for (Node& key : node.keys) forget_positions(key);
    for (Node& item : node.items) forget_positions(item);
}

// Elements of lists add up over settings.
void append(Layer& layer, Layer upper) {
    for (auto& [path, setting] : upper.settings) {
        const auto below = layer.settings.find(path);
        const bool is_list = setting.value.is_array();
        if (!is_list || below == layer.settings.end() || !layer.mentioned.contains(path)) continue;
        nlohmann::json joined = below->second.value;
        for (auto& element : setting.value) {
            setting.origins.emplace(path + "." + std::to_string(joined.size()), below->second.origins[path]);
            joined.push_back(std::move(element));
        }
        setting.value = std::move(joined);
    }
    layer.lay_over(std::move(upper));
}

// One "key=value" as a layer of its own.
Layer decode_one(const std::string& setting, const DecodeOptions& options, Diagnostics& diagnostics) {
    const std::size_t equals = setting.find('=');
    const std::string path = setting.substr(0, equals);
    const Source source{"--set " + printable(setting, 100),
                        equals == std::string::npos ? "" : setting.substr(equals + 1)};
    const SourceText text(source);
    LayerDecoder decoder(text, Origin::Kind::command_line, options, false, diagnostics);
    const auto fail = [&](std::string message) {
        diagnostics.push_back(text.error({}, 1, std::move(message)));
        return Layer{};
    };
    if (equals == std::string::npos) return fail("expected KEY=VALUE");
    if (find_invalid_utf8(setting) != std::string_view::npos) return fail("is not UTF-8");
    if (path.starts_with("env.")) {
        decoder.decode_env_entry(scalar(path.substr(4), true), scalar(source.text, false));
        return decoder.take();
    }
    const Key* key = find_key(path);
    if (key == nullptr) return fail(is_group(path) ? not_a_group_message(path, false) : unknown_key_message(path));
    if (takes_raw_text(*key, source.text)) {
        decoder.decode_value(*key, Node{}, scalar(source.text, false));
        return decoder.take();
    }
    auto value = parse_yaml(text, diagnostics);
    if (!value) return Layer{};
    forget_positions(*value);
    decoder.decode_value(*key, Node{}, *value);
    return decoder.take();
}

}  // namespace

Decoded decode_settings(const std::vector<std::string>& settings, const DecodeOptions& options) {
    Decoded decoded;
    Layer layer = built_in_layer();
    for (const std::string& setting : settings) append(layer, decode_one(setting, options, decoded.diagnostics));
    Assembly assembly{"--set", directory_of(""), {}};
    assembly.missing_app.file = "--set";
    assembly.missing_app.message = "the key 'app' is missing (for example 'app=mysite.wsgi:application')";
    if (!layer.mentioned.contains("chdir")) layer.settings.find("chdir")->second.value = assembly.base_directory;
    for (Diagnostic& diagnostic : decoded.diagnostics) diagnostic.position = {};
    assemble(std::move(layer), assembly, options, decoded);
    return decoded;
}

}  // namespace common::config
