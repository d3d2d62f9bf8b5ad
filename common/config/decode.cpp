// SPDX-License-Identifier: Apache-2.0
#include "common/config/decode.h"

#include <algorithm>
#include <utility>

#include "common/config/assemble.h"
#include "common/config/ini_file.h"
#include "common/config/layer.h"
#include "common/config/source_text.h"
#include "common/config/yaml_tree.h"

namespace common::config {

namespace {

constexpr std::size_t max_name = 64;

Diagnostic bad_name(const Source& source, const std::string& name) {
    Diagnostic diagnostic;
    diagnostic.file = source.file;
    if (name.size() > max_name)
        diagnostic.message = "the name of this file is too long for a vassal: " + std::to_string(name.size()) +
                             " characters, at most " + std::to_string(max_name);
    else
        diagnostic.message = in_quotes(name) +
                             " cannot name a vassal (letters, digits, '.', '_' and '-', the first one a "
                             "letter or a digit; rename the file)";
    return diagnostic;
}

// Nothing, with the reason appended, where the text holds no usable document.
std::optional<Node> read(const SourceText& source, bool may_be_empty, Diagnostics& diagnostics) {
    if (complain_about_ini(source, diagnostics)) return std::nullopt;
    auto root = parse_yaml(source, diagnostics);
    if (root && root->kind == Node::Kind::null) {
        if (!may_be_empty)
            diagnostics.push_back(
                source.error({1, 1}, 1, "the file is empty (a vassal needs 'app: package.module:callable')"));
        return std::nullopt;
    }
    return root;
}

Diagnostic missing_app(const SourceText& source, const Node& root) {
    const bool has_keys = !root.keys.empty();
    return source.error(has_keys ? root.keys.front().position : root.position, has_keys ? root.keys.front().width : 1,
                        "the key 'app' is missing (for example 'app: mysite.wsgi:application')");
}

std::string base_name(const std::string& file) { return file.substr(file.rfind('/') + 1); }

}  // namespace

bool is_valid_name(std::string_view name) noexcept {
    const auto is_word = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    };
    return !name.empty() && name.size() <= max_name && is_word(name.front()) &&
           std::all_of(name.begin(), name.end(),
                       [&](char c) { return is_word(c) || c == '.' || c == '_' || c == '-'; });
}

std::string Origin::text() const {
    switch (kind) {
        case Kind::built_in: return "default";
        case Kind::command_line: return "--set";
        case Kind::defaults_file:
        case Kind::vassal_file: break;
    }
    return position.line > 0 ? base_name(file) + ":" + std::to_string(position.line) : base_name(file);
}

Decoded decode(const Source& vassal, const std::optional<Source>& defaults, const DecodeOptions& options) {
    Decoded decoded;
    if (!is_valid_name(options.name)) decoded.diagnostics.push_back(bad_name(vassal, options.name));
    Layer layer = built_in_layer();
    if (defaults) {
        const SourceText source(*defaults);
        if (const auto root = read(source, true, decoded.diagnostics))
            layer.lay_over(
                LayerDecoder(source, Origin::Kind::defaults_file, options, true, decoded.diagnostics).decode(*root));
    }
    const SourceText source(vassal);
    Assembly assembly{vassal.file, directory_of(vassal.file), {}};
    if (const auto root = read(source, false, decoded.diagnostics)) {
        layer.lay_over(
            LayerDecoder(source, Origin::Kind::vassal_file, options, true, decoded.diagnostics).decode(*root));
        assembly.missing_app = missing_app(source, *root);
        if (root->kind != Node::Kind::map) layer.mentioned.emplace("app");  // said already that there are no keys
    } else {
        layer.mentioned.emplace("app");
    }
    if (is_valid_name(options.name)) {
        assemble(std::move(layer), assembly, options, decoded);
    } else {
        DecodeOptions named = options;  // the name has been complained about; it must not break the default address too
        named.name.assign(1, 'x');
        assemble(std::move(layer), assembly, named, decoded);
    }
    return decoded;
}

}  // namespace common::config
