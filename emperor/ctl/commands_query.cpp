// SPDX-License-Identifier: Apache-2.0
// status, show, config, version: what only asks.
#include <algorithm>

#include "common/config/schema.h"
#include "emperor/ctl/commands.h"
#include "emperor/ctl/render.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

const Json* value_at(const Json& values, std::string_view path) {
    const Json* at = &values;
    while (!path.empty()) {
        const std::string_view word = path.substr(0, path.find('.'));
        if (!at->is_object()) return nullptr;
        const auto found = at->find(std::string(word));
        if (found == at->end()) return nullptr;
        at = &*found;
        path.remove_prefix(std::min(path.size(), word.size() + 1));
    }
    return at->is_null() ? nullptr : at;
}

}  // namespace

int status(const Context& context, const std::vector<std::string>& apps) {
    const Answer<Json> answer = ask(context, "status", apps.empty() ? Json::object() : Json{{"apps", apps}});
    if (const auto* error = std::get_if<CallError>(&answer)) return report(context, *error);
    const auto& result = std::get<Json>(answer);
    const Json rows = result.value("apps", Json::array());
    switch (context.output) {
        case Output::json: context.out << dump(result); break;
        case Output::name:
            for (const Json& app : rows) context.out << app.value("name", "") << "\n";
            break;
        case Output::table:
        case Output::wide:
            context.out << render_status(rows, context.output == Output::wide, context.style, context.now_us);
            break;
    }
    // Asleep is as it should be: it serves whoever comes.
    const bool all_serve = std::all_of(rows.begin(), rows.end(), [](const Json& app) {
        return app.value("is_serving", false) || app.value("state", "") == "sleeping";
    });
    return exit_with(apps.empty() || all_serve ? ExitCode::done : ExitCode::not_running);
}

int show(const Context& context, const std::string& app) {
    const Answer<Json> answer = ask(context, "show", {{"app", app}});
    if (const auto* error = std::get_if<CallError>(&answer)) return report(context, *error);
    const auto& result = std::get<Json>(answer);
    if (context.output == Output::json) context.out << dump(result);
    else if (context.output == Output::name) context.out << result.value("name", "") << "\n";
    else context.out << render_show(result, context.style, context.now_us);
    return exit_with(ExitCode::done);
}

int config(const Context& context, const std::string& app) {
    const Answer<Json> answer = ask(context, "config", {{"app", app}});
    if (const auto* error = std::get_if<CallError>(&answer)) return report(context, *error);
    const auto& result = std::get<Json>(answer);
    if (context.output == Output::json) {
        context.out << dump(result);
        return exit_with(ExitCode::done);
    }
    const Json values = result.value("values", Json::object());
    const Json origins = result.value("origins", Json::object());
    // Of an adopted app whose file says something else by now the values are known, not where they came from.
    const std::string unknown = origins.empty() ? "running" : "default";
    Table table({"KEY", "ORIGIN", "VALUE"});
    for (const common::config::Key& key : common::config::keys()) {
        const Json* value = value_at(values, key.path);
        if (!value || (value->is_structured() && value->empty())) continue;
        const std::string path(key.path);
        const auto origin = origins.find(path);
        const std::string from = origin != origins.end() ? origin->value("text", unknown) : unknown;
        if (context.output == Output::name) context.out << path << "\n";
        table.add({{path, Color::none},
                   {from, from == unknown ? Color::dim : Color::none},
                   {harmless(common::config::value_text(key, *value)), Color::none}});
    }
    if (context.output != Output::name) context.out << table.text(context.style);
    return exit_with(ExitCode::done);
}

int version(const Context& context) {
    const Answer<Json> answer = ask(context, "version", Json::object());
    const auto* emperor = std::get_if<Json>(&answer);
    if (context.output == Output::json) {
        context.out << dump({{"emperorctl", EMPEROR_VERSION}, {"emperor", emperor ? *emperor : Json(nullptr)}});
        return exit_with(ExitCode::done);
    }
    context.out << "emperorctl " << EMPEROR_VERSION << "\n";
    if (emperor) {
        context.out << "emperor    " << emperor->value("version", "?") << " (pid " << emperor->value("pid", 0) << ", "
                    << emperor->value("runtime_directory", "") << ")\n";
    } else {
        const std::string& why = std::get<CallError>(answer).message;
        context.out << "emperor    not reachable (" << why.substr(0, why.find('\n')) << ")\n";
    }
    return exit_with(ExitCode::done);
}

}  // namespace emperor::ctl
