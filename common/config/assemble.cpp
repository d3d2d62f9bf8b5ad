// SPDX-License-Identifier: Apache-2.0
#include "common/config/assemble.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "common/config/access_format.h"
#include "common/config/json_path.h"
#include "common/config/rules.h"

namespace common::config {

namespace {

Diagnostic blame(const Layer& layer, std::string_view path, const Assembly& assembly, std::string message) {
    Diagnostic diagnostic;
    diagnostic.file = assembly.file;
    diagnostic.message = std::move(message);
    if (const Origin* origin = layer.origin(path); origin != nullptr && origin->kind != Origin::Kind::built_in) {
        diagnostic.file = origin->file;
        diagnostic.position = origin->position;
        diagnostic.width = origin->width;
        diagnostic.source = origin->source;
    }
    return diagnostic;
}

nlohmann::json& value_of(Layer& layer, std::string_view path) { return layer.settings.find(path)->second.value; }

void make_absolute(Layer& layer, const Assembly& assembly) {
    nlohmann::json& chdir = value_of(layer, "chdir");
    if (chdir.is_string()) chdir = absolute_path(assembly.base_directory, chdir.get<std::string>());
    const std::string base = chdir.is_string() ? chdir.get<std::string>() : assembly.base_directory;
    for (const std::string_view path : {"venv", "log.file"})
        if (nlohmann::json& value = value_of(layer, path); value.is_string())
            value = absolute_path(base, value.get<std::string>());
    for (const std::string_view path : {"env_file", "python_path", "watch"})
        for (nlohmann::json& element : value_of(layer, path)) element = absolute_path(base, element.get<std::string>());
    for (nlohmann::json& directory : value_of(layer, "static"))
        directory = absolute_path(base, directory.get<std::string>());
}

void set_default_listen(Layer& layer, const Assembly& assembly, const DecodeOptions& options, Decoded& decoded) {
    nlohmann::json& listen = value_of(layer, "listen");
    if (!listen.empty()) return;
    const auto address = canonical_listen("uwsgi:" + options.sockets_directory + "/" + options.name + ".sock");
    if (!address)
        return decoded.diagnostics.push_back(
            blame(layer, "listen", assembly, "the default listen address: " + address.error().message()));
    listen.push_back(*address);
    layer.settings.find("listen")->second.origins.emplace("listen.0", Origin{});
}

void check_access_format(Layer& layer, const Assembly& assembly, Decoded& decoded) {
    const nlohmann::json& text = value_of(layer, "log.access_format");
    if (!text.is_string()) return;
    LogConfig log;
    log.access = value_of(layer, "log.access") == "json" ? AccessLog::json : AccessLog::text;
    log.access_format = text.get<std::string>();
    if (const auto format = access_format(log); !format)
        decoded.diagnostics.push_back(
            blame(layer, "log.access_format", assembly, "log.access_format: " + format.error().message()));
}

void check_together(Layer& layer, const Assembly& assembly, Decoded& decoded) {
    check_access_format(layer, assembly, decoded);
    if (value_of(layer, "restart.initial") > value_of(layer, "restart.max")) {
        const Origin* max = layer.origin("restart.max");
        const bool is_max_set = max != nullptr && max->kind != Origin::Kind::built_in;
        decoded.diagnostics.push_back(blame(layer, is_max_set ? "restart.max" : "restart.initial", assembly,
                                            "restart.max must not be shorter than restart.initial"));
    }
}

void finish_diagnostics(Diagnostics& diagnostics) {
    const auto order = [](const Diagnostic& diagnostic) {
        return std::tie(diagnostic.file, diagnostic.position.line, diagnostic.position.column);
    };
    std::stable_sort(diagnostics.begin(), diagnostics.end(),
                     [&](const Diagnostic& a, const Diagnostic& b) { return order(a) < order(b); });
    diagnostics.erase(std::unique(diagnostics.begin(), diagnostics.end()), diagnostics.end());
    if (diagnostics.size() <= max_diagnostics) return;
    const std::size_t hidden = diagnostics.size() - max_diagnostics;
    diagnostics.resize(max_diagnostics);
    Diagnostic last;
    last.file = diagnostics.back().file;
    last.message = std::to_string(hidden) + " more errors are not shown";
    diagnostics.push_back(std::move(last));
}

}  // namespace

std::string absolute_path(const std::string& base, const std::string& path) {
    if (path.starts_with('/')) return path;
    if (path.empty() || path == ".") return base;
    return (base == "/" ? "" : base) + "/" + (path.starts_with("./") ? path.substr(2) : path);
}

std::string directory_of(const std::string& file) {
    std::error_code ignored;
    const std::filesystem::path current = std::filesystem::current_path(ignored);
    const std::string base = current.empty() ? "/" : current.string();
    const std::size_t slash = file.rfind('/');
    if (slash == std::string::npos) return base;
    return slash == 0 ? "/" : absolute_path(base, file.substr(0, slash));
}

nlohmann::json translated(const nlohmann::json& values) {
    static const Layer defaults = built_in_layer();  // for each of a thousand files at a start
    nlohmann::json document = nlohmann::json::object();
    for (const auto& [path, setting] : defaults.settings) {
        const nlohmann::json& known = at_path(values, path);
        set_path(document, path, known.is_null() ? setting.value : known);
    }
    return document;
}

void assemble(Layer layer, const Assembly& assembly, const DecodeOptions& options, Decoded& decoded) {
    if (!layer.mentioned.contains("app")) decoded.diagnostics.push_back(assembly.missing_app);
    set_default_listen(layer, assembly, options, decoded);
    check_together(layer, assembly, decoded);
    make_absolute(layer, assembly);
    finish_diagnostics(decoded.diagnostics);
    if (has_errors(decoded.diagnostics)) return;

    nlohmann::json values = nlohmann::json::object();
    Effective effective;
    effective.file = assembly.file;
    for (auto& [path, setting] : layer.settings) {
        set_path(values, path, std::move(setting.value));
        std::erase_if(setting.origins, [](const auto& item) { return item.second.kind == Origin::Kind::built_in; });
        effective.origins.merge(setting.origins);
    }
    auto config = config_from_json(values);
    if (!config) {  // the table and vassal_config.h disagree
        Diagnostic diagnostic;
        diagnostic.file = assembly.file;
        diagnostic.message = config.error().message();
        decoded.diagnostics.push_back(std::move(diagnostic));
        return;
    }
    effective.config = std::move(*config);
    effective.values = std::make_shared<const nlohmann::json>(std::move(values));
    decoded.effective = std::move(effective);
}

}  // namespace common::config
