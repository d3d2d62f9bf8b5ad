// SPDX-License-Identifier: Apache-2.0
#include "common/config/layer.h"

#include <utility>

#include "common/config/host_name.h"
#include "common/config/rules.h"
#include "common/config/scalars.h"
#include "common/config/schema_internal.h"
#include "common/config/suggest.h"

namespace common::config {

namespace {

constexpr std::size_t max_listeners = 64;
constexpr std::size_t max_hosts = 1000;

std::string_view kind_text(const Node& node) noexcept {
    switch (node.kind) {
        case Node::Kind::null: return "nothing";
        case Node::Kind::scalar: return "a value";
        case Node::Kind::sequence: return "a list";
        case Node::Kind::map: return "a map";
    }
    return "";
}

// Where the expanded part of a scalar stands on the scalar's first line, if it can be told.
std::pair<Position, int> place_of(const SourceText& source, const Node& node, std::string_view part) {
    const std::string_view line = source.line(node.position.line);
    const auto begin = static_cast<std::size_t>(node.position.column - 1);
    if (node.position.column < 1 || begin >= line.size()) return {node.position, node.width};
    const std::size_t found = line.substr(begin, static_cast<std::size_t>(node.width)).find(part);
    if (found == std::string_view::npos) return {node.position, node.width};
    return {{node.position.line, node.position.column + static_cast<int>(found)}, static_cast<int>(part.size())};
}

}  // namespace

void Layer::lay_over(Layer upper) {
    mentioned.merge(upper.mentioned);
    for (auto& [path, setting] : upper.settings) {
        const auto below = settings.find(path);
        if (below == settings.end() || setting.key->kind != ValueKind::text_map) {
            settings.insert_or_assign(path, std::move(setting));
            continue;
        }
        below->second.value.update(setting.value);
        for (auto& [name, origin] : setting.origins) below->second.origins.insert_or_assign(name, std::move(origin));
    }
}

const Origin* Layer::origin(std::string_view path) const {
    const auto found = settings.find(path);
    if (found == settings.end()) return nullptr;
    const auto origin = found->second.origins.find(std::string(path));
    return origin == found->second.origins.end() ? nullptr : &origin->second;
}

Layer built_in_layer() {
    Layer layer;
    for (const Key& key : keys()) {
        nlohmann::json value;
        if (key.kind == ValueKind::text_map || key.kind == ValueKind::path_map) {
            value = nlohmann::json::object();
        } else if (key.kind == ValueKind::text_list || key.kind == ValueKind::listen_list) {
            value = nlohmann::json::array();
        } else if (!key.default_text.empty()) {
            value = decode_scalar(key, {.text = key.default_text}).value();
        }
        Setting setting{&key, std::move(value), {}};
        setting.origins.emplace(key.path, Origin{});
        layer.settings.emplace(key.path, std::move(setting));
    }
    return layer;
}

Layer LayerDecoder::decode(const Node& root) {
    if (root.kind != Node::Kind::map)
        error(root,
              "expected keys with values, such as 'app: mysite.wsgi:application', got " + std::string(kind_text(root)));
    else
        walk(root, "");
    return take();
}

void LayerDecoder::walk(const Node& map, const std::string& prefix) {
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
        const Node& name = map.keys[i];
        const Node& value = map.items[i];
        const std::string path = prefix + name.text;
        const bool is_old_style = prefix.empty() && name.text == "uwsgi" && value.kind == Node::Kind::map;
        const bool is_dotted = name.text.find('.') != std::string::npos;
        if (const Key* key = find_key(path); key != nullptr && !is_dotted) {
            decode_value(*key, name, value);
        } else if (is_group(path) && value.kind == Node::Kind::map) {
            walk(value, path + ".");
        } else if (is_group(path)) {
            error(value.kind == Node::Kind::null ? name : value,
                  not_a_group_message(path, value.kind == Node::Kind::null));
        } else if (is_dotted && find_key(path) != nullptr) {
            error(name, "write " + in_quotes(name.text) + " as a group: '" + std::string(group_of(path)) + ": {" +
                            std::string(leaf_of(path)) + ": …}'");
        } else {
            unknown_key(name, path);
        }
        if (is_old_style)  // one pass tells what becomes of each of its options
            for (const Node& option : value.keys)
                if (!find_key(option.text)) unknown_key(option, option.text);
    }
}

// Suggestions cost time: beyond what is shown anyway, the plain words do.
void LayerDecoder::unknown_key(const Node& name, const std::string& path) {
    error(name, diagnostics_.size() < max_diagnostics ? unknown_key_message(path) : std::string("unknown key"));
}

void LayerDecoder::decode_value(const Key& key, const Node& place, const Node& value) {
    layer_.mentioned.emplace(key.path);
    if (value.kind == Node::Kind::null)
        return error(place, std::string(key.path) + " has no value (remove the key to leave it unset)");
    switch (key.kind) {
        case ValueKind::text_map:
        case ValueKind::path_map: return decode_map(key, place, value);
        case ValueKind::text_list:
        case ValueKind::listen_list: return decode_list(key, value);
        case ValueKind::boolean:
        case ValueKind::integer:
        case ValueKind::text:
        case ValueKind::path:
        case ValueKind::duration:
        case ValueKind::size:
        case ValueKind::mode:
        case ValueKind::percent:
        case ValueKind::choice:
        case ValueKind::workers: break;
    }
    if (key.kind == ValueKind::workers && value.kind == Node::Kind::map) return decode_range(key, value);
    if (value.kind != Node::Kind::scalar)
        return error(
            value, std::string(key.path) + ": expected " + expectation(key) + ", got " + std::string(kind_text(value)));
    const auto text = expanded(value);
    if (!text) return;
    auto decoded = decode_scalar(key, {text->text, text->is_word});
    if (!decoded) return error(value, std::string(key.path) + ": " + decoded.error().message());
    store(key, std::move(*decoded), value);
}

void LayerDecoder::decode_list(const Key& key, const Node& value) {
    if (value.kind == Node::Kind::map)
        return error(value, std::string(key.path) + ": expected " + expectation(key) + ", got a map");
    if (key.kind == ValueKind::listen_list && value.items.size() > max_listeners)
        return error(value, std::string(key.path) + ": more than " + std::to_string(max_listeners) + " addresses");
    if (key.path == "hosts" && value.items.size() > max_hosts)
        return error(value, "hosts: more than " + std::to_string(max_hosts) + " names");
    Setting setting{&key, nlohmann::json::array(), {}};
    setting.origins.emplace(key.path, origin_of(value));
    if (value.kind == Node::Kind::sequence)
        for (const Node& item : value.items) decode_element(key, item, setting);
    else
        decode_element(key, value, setting);
    if (key.kind == ValueKind::listen_list && value.items.empty() && value.kind == Node::Kind::sequence)
        return error(value, std::string(key.path) + ": the list is empty (remove the key for the default)");
    layer_.settings.insert_or_assign(std::string(key.path), std::move(setting));
}

void LayerDecoder::decode_element(const Key& key, const Node& node, Setting& setting) {
    const std::string label = std::string(key.path) + ": ";
    if (node.kind != Node::Kind::scalar)
        return error(node, label + "expected text, got " + std::string(kind_text(node)));
    const auto text = expanded(node);
    if (!text) return;
    if (text->is_word && is_boolean_word(text->text))
        return error(node, label + "expected text, got the boolean " + in_quotes(text->text) +
                               " (put it in quotes if you mean the word)");
    std::string canonical = text->text;
    if (key.kind == ValueKind::listen_list) {
        auto address = canonical_listen(text->text);
        if (!address) return error(node, label + address.error().message());
        canonical = std::move(*address);
    } else if (auto problem = check_text(key, text->text)) {
        return error(node, label + *problem);
    }
    const bool is_host = key.path == "hosts";
    if (is_host) canonical = canonical_host_name(canonical);
    if (is_host || key.kind == ValueKind::listen_list)
        for (const auto& other : setting.value)
            if (other == canonical) return error(node, label + in_quotes(canonical) + " is listed twice");
    setting.origins.emplace(std::string(key.path) + "." + std::to_string(setting.value.size()), origin_of(node));
    setting.value.push_back(std::move(canonical));
}

void LayerDecoder::decode_map(const Key& key, const Node& place, const Node& value) {
    if (value.kind != Node::Kind::map)
        return error(
            value, std::string(key.path) + ": expected " + expectation(key) + ", got " + std::string(kind_text(value)));
    Setting setting{&key, nlohmann::json::object(), {}};
    setting.origins.emplace(key.path, origin_of(place));
    layer_.settings.insert_or_assign(std::string(key.path), std::move(setting));
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
        if (key.kind == ValueKind::path_map)
            decode_path_entry(key, value.keys[i], value.items[i]);
        else
            decode_env_entry(value.keys[i], value.items[i]);
    }
}

// {min: 1, max: 8}: both, and in that order of size.
void LayerDecoder::decode_range(const Key& key, const Node& value) {
    const std::string label = std::string(key.path) + ": ";
    nlohmann::json range = nlohmann::json::object();
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
        const Node &name = value.keys[i], &item = value.items[i];
        if (name.text != "min" && name.text != "max")
            return error(name, label + "unknown key " + in_quotes(name.text) + " (a range is {min: 1, max: 8})");
        if (item.kind != Node::Kind::scalar)
            return error(item, label + name.text + ": expected " + expectation(key));
        const auto text = expanded(item);
        if (!text) return;
        auto decoded = decode_scalar(key, {text->text, text->is_word});
        if (!decoded) return error(item, label + name.text + ": " + decoded.error().message());
        range[name.text] = std::move(*decoded);
    }
    if (range.size() != 2) return error(value, label + "a range has both ends, such as {min: 1, max: 8}");
    if (range["min"] > range["max"]) return error(value, label + "min must not be more than max");
    store(key, std::move(range), value);
}

void LayerDecoder::decode_path_entry(const Key& key, const Node& name, const Node& value) {
    const std::string label = std::string(key.path) + ": ";
    if (auto problem = check_url_prefix(name.text)) return error(name, label + *problem);
    if (value.kind != Node::Kind::scalar)
        return error(value.kind == Node::Kind::null ? name : value,
                     label + in_quotes(name.text) + " needs the path of a directory, got " +
                         std::string(kind_text(value)));
    const auto text = expanded(value);
    if (!text) return;
    if (text->text.empty()) return error(value, label + in_quotes(name.text) + " needs the path of a directory");
    if (auto problem = check_text(key, text->text)) return error(value, label + *problem);
    const std::string prefix = name.text.ends_with('/') ? name.text.substr(0, name.text.size() - 1) : name.text;
    Setting& setting = layer_.settings.find(key.path)->second;
    if (setting.value.contains(prefix)) return error(name, label + in_quotes(prefix) + " is there twice");
    setting.value[prefix] = text->text;
    setting.origins.insert_or_assign(std::string(key.path) + "." + prefix, origin_of(value));
}

// Of `env`, the map whose values are no paths.
void LayerDecoder::decode_env_entry(const Node& name, const Node& value) {
    static const Key& key = *find_key("env");
    layer_.mentioned.emplace(key.path);
    const std::string path = std::string(key.path) + "." + name.text;
    if (auto problem = check_env_name(name.text)) return error(name, std::string(key.path) + ": " + *problem);
    if (value.kind == Node::Kind::null)
        return error(name, printable(path, 100) + " has no value (write '' for an empty one)");
    if (value.kind != Node::Kind::scalar)
        return error(value, printable(path, 100) + ": expected text, got " + std::string(kind_text(value)));
    const auto text = expanded(value);
    if (!text) return;
    if (text->text.find('\0') != std::string::npos) return error(value, printable(path, 100) + ": contains a NUL byte");
    auto [found, is_new] =
        layer_.settings.try_emplace(std::string(key.path), Setting{&key, nlohmann::json::object(), {}});
    if (is_new) found->second.origins.emplace(key.path, origin_of(name));
    found->second.value[name.text] = text->text;
    found->second.origins.insert_or_assign(path, origin_of(value));
}

std::optional<LayerDecoder::Text> LayerDecoder::expanded(const Node& node) {
    if (!expands_) return Text{node.text, node.is_plain};
    Expansion expansion = expand(node.text, options_);
    for (const ExpansionProblem& problem : expansion.problems) {
        const auto [position, width] = place_of(source_, node, problem.part);
        diagnostics_.push_back(source_.error(position, width, problem.message));
    }
    if (!expansion.problems.empty()) return std::nullopt;
    // "${N}" must be quoted inside of braces, so quotes around a variable do not make a text of a number.
    return Text{std::move(expansion.text), node.is_plain || expansion.has_variables};
}

void LayerDecoder::error(const Node& node, std::string message) {
    diagnostics_.push_back(source_.error(node.position, node.width, std::move(message)));
}

Origin LayerDecoder::origin_of(const Node& node) const {
    return {kind_, source_.file(), node.position, source_.shown_line(node.position), node.width};
}

void LayerDecoder::store(const Key& key, nlohmann::json value, const Node& node) {
    Setting setting{&key, std::move(value), {}};
    setting.origins.emplace(key.path, origin_of(node));
    layer_.settings.insert_or_assign(std::string(key.path), std::move(setting));
}

}  // namespace common::config
