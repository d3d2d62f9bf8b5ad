// SPDX-License-Identifier: Apache-2.0
// The key table as JSON Schema (draft-07, what editors understand). Structural verdicts are the decoder's; what it
// cannot know (variables, the machine) it lets pass: every value may be a text with a variable in it.
#include <nlohmann/json.hpp>

#include "common/config/schema_internal.h"

namespace common::config {

namespace {

using nlohmann::json;

constexpr std::string_view variable_pattern = R"(\$\{|\{name\})";

json pattern(std::string_view text) { return {{"type", "string"}, {"pattern", text}}; }

json bounded_integer(const Key& key) {
    json schema = {{"type", "integer"}, {"minimum", key.minimum}};
    if (key.maximum != 0) schema["maximum"] = key.maximum;
    return schema;
}

// Forms of one scalar, without "or a variable".
json scalar_forms(const Key& key) {
    json forms = json::array();
    switch (key.kind) {
        case ValueKind::boolean:
            forms.push_back({{"type", "boolean"}});
            forms.push_back({{"enum", {"yes", "no", "on", "off"}}});  // words to YAML 1.2, booleans to 1.1
            break;
        case ValueKind::integer: forms.push_back(bounded_integer(key)); break;
        case ValueKind::workers:
            forms.push_back(bounded_integer(key));
            forms.push_back({{"const", "auto"}});
            forms.push_back({{"type", "object"},
                             {"properties", {{"min", bounded_integer(key)}, {"max", bounded_integer(key)}}},
                             {"required", json::array({"min", "max"})},
                             {"additionalProperties", false}});
            break;
        case ValueKind::percent: forms.push_back(pattern("^[0-9]+%$")); break;
        case ValueKind::choice: {
            json words = json::array();
            for (const std::string_view choice : choices_of(key)) {
                words.push_back(choice);
                if (choice == "off") words.push_back(false);  // a boolean to YAML 1.1
            }
            forms.push_back({{"enum", words}});
            break;
        }
        case ValueKind::duration: forms.push_back(pattern(R"(^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$)")); break;
        case ValueKind::size:
            forms.push_back(bounded_integer(key));
            forms.push_back(pattern(R"(^[0-9]+(\.[0-9]+)?(B|K|M|G|KiB|MiB|GiB|TiB)?$)"));
            break;
        case ValueKind::mode:
            forms.push_back({{"type", "integer"}, {"minimum", 0}, {"maximum", 777}});
            forms.push_back(pattern("^(0o)?[0-7]{1,5}$"));
            break;
        case ValueKind::text:
        case ValueKind::path:
        case ValueKind::text_list:
        case ValueKind::text_map:
        case ValueKind::path_map:
        case ValueKind::listen_list: break;
    }
    if (key.allows_off) forms.push_back({{"enum", {"off", false}}});
    return forms;
}

json text_schema(const Key& key) {
    if (key.path == "app")
        return pattern(
            R"(\$\{|\{name\}|^[^\s:]*[^\s:/]\.py(:[^\s:()/]+(\(\))?)?$|^[^\s:/.()-]+(\.[^\s:/.()-]+)*(:[^\s:/()-]+(\(\))?)?$)");
    if (key.path == "mount") return pattern(R"(\$\{|\{name\}|^$|^(/(?!\.\.?(/|$))[^/?#%=\s]+)+$)");
    if (key.path == "health.path") return pattern(R"(\$\{|\{name\}|^$|^/[!-"$-~]*$)");
    if (key.kind == ValueKind::path) return pattern("^[^~]|^$");
    return {{"type", json::array({"string", "integer"})}};
}

json list_schema(const Key& key) {
    json element = key.kind == ValueKind::listen_list
                       ? pattern(R"(\$\{|\{name\}|^(uwsgi|http|fastcgi|scgi):(/.+|@.+|[^/]*:[0-9]+)$)")
                       : json{{"type", json::array({"string", "integer", "number"})}};
    json list = {{"type", "array"}, {"items", element}};
    if (key.kind == ValueKind::listen_list) list["minItems"] = 1;
    return {{"anyOf", json::array({element, list})}};
}

json value_schema(const Key& key) {
    switch (key.kind) {
        case ValueKind::text:
        case ValueKind::path: return text_schema(key);
        case ValueKind::text_list:
        case ValueKind::listen_list: return list_schema(key);
        case ValueKind::text_map:
            return {{"type", "object"},
                    {"propertyNames", {{"pattern", "^[A-Za-z_][A-Za-z0-9_]*$"}}},
                    {"additionalProperties", {{"type", json::array({"string", "number", "boolean"})}}}};
        case ValueKind::path_map:
            return {{"type", "object"},
                    {"propertyNames", {{"pattern", "^(/(?!\\.\\.?(/|$))[^/?#%\\s]+)+/?$"}}},
                    {"additionalProperties", pattern("^[^~]")}};
        case ValueKind::boolean:
        case ValueKind::integer:
        case ValueKind::duration:
        case ValueKind::size:
        case ValueKind::mode:
        case ValueKind::percent:
        case ValueKind::choice:
        case ValueKind::workers: break;
    }
    json forms = scalar_forms(key);
    forms.push_back(pattern(variable_pattern));
    return {{"anyOf", forms}};
}

json property(const Key& key) {
    json schema = value_schema(key);
    std::string description(key.summary);
    if (!key.detail.empty()) description += std::string(" ") + std::string(key.detail);
    description += std::string(" Changed: ") + std::string(name_of(key.reload)) + ".";
    schema["description"] = description;
    return schema;
}

// Where the keys of a group stand, which may lie in another one.
json& properties_of(json& top, std::string_view group) {
    if (group.empty()) return top;
    json& schema = properties_of(top, group_of(group))[std::string(leaf_of(group))];
    if (schema.is_null())
        schema = {{"type", "object"}, {"properties", json::object()}, {"additionalProperties", false}};
    return schema["properties"];
}

}  // namespace

json json_schema() {
    json properties = json::object();
    json required = json::array();
    for (const Key& key : keys()) {
        properties_of(properties, group_of(key.path))[std::string(leaf_of(key.path))] = property(key);
        if (key.required) required.push_back(leaf_of(key.path));
    }
    return {{"$schema", "http://json-schema.org/draft-07/schema#"},
            {"title", "Configuration of a vassal"},
            {"type", "object"},
            {"properties", properties},
            {"required", required},
            {"additionalProperties", false}};
}

}  // namespace common::config
