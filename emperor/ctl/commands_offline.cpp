// SPDX-License-Identifier: Apache-2.0
// check, explain, schema: what needs no emperor.
#include <algorithm>
#include <set>
#include <sstream>

#include "common/base/nearest.h"
#include "common/config/schema.h"
#include "emperor/ctl/check.h"
#include "emperor/ctl/commands.h"
#include "emperor/ctl/import_check.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

// What the running emperor's vassals listen on; nothing when none answers.
void learn_from_emperor(const Context& context, CheckOptions& options) {
    const Answer<Json> answer = ask(context, "status", Json::object(), std::chrono::seconds(2));
    const auto* error = std::get_if<CallError>(&answer);
    // An emperor that may not be asked may own any of the addresses: do not call them taken.
    if (error && error->code == ExitCode::not_permitted) options.is_in_use = [](const auto&) { return false; };
    if (error) return;
    options.knows_emperor = true;
    for (const Json& app : std::get<Json>(answer).value("apps", Json::array()))
        for (const Json& listener : app.value("listeners", Json::array()))
            options.own_addresses[app.value("name", "")].insert(listener.value("address", ""));
}

std::vector<std::string> directories_of_emperor(const Context& context) {
    std::vector<std::string> directories;
    const Answer<Json> answer = ask(context, "version", Json::object(), std::chrono::seconds(2));
    if (const auto* result = std::get_if<Json>(&answer))
        for (const Json& directory : result->value("directories", Json::array()))
            directories.push_back(directory.get<std::string>());
    return directories;
}

struct Import {
    std::string file;
    ImportOutcome outcome;
};

std::vector<Import> import_all(const Context& context, const CheckReport& report) {
    std::vector<Import> imports;
    for (const Importable& app : report.importable) {
        const auto limit = context.timeout.value_or(app.effective->config.timeouts.start);
        context.out.flush();
        imports.push_back({app.file, import_app(app, vassal_program(), limit)});
    }
    return imports;
}

Json to_json(const std::vector<Import>& imports) {
    Json list = Json::array();
    for (const Import& one : imports)
        list.push_back({{"file", one.file},
                        {"ok", one.outcome.ok},
                        {"took_ms", one.outcome.took_ms},
                        {"step", one.outcome.step},
                        {"reason", one.outcome.reason},
                        {"detail", one.outcome.detail}});
    return list;
}

void print(const Context& context, const std::vector<Import>& imports) {
    for (const auto& [file, outcome] : imports) {
        if (outcome.ok) {
            context.out << file << ": imported in " << outcome.took_ms << " ms\n";
            continue;
        }
        context.err << file << ": not imported: " << outcome.step << ": " << harmless(outcome.reason) << "\n";
        std::istringstream lines(outcome.detail);
        for (std::string line; std::getline(lines, line);) context.err << "  " << harmless(line, true) << "\n";
    }
}

Json to_json(const CheckReport& report) {
    Json findings = Json::array();
    for (const auto& one : report.diagnostics) {
        const bool is_error = one.severity == common::config::Diagnostic::Severity::error;
        findings.push_back({{"severity", is_error ? "error" : "warning"},
                            {"file", one.file},
                            {"line", one.position.line},
                            {"column", one.position.column},
                            {"width", one.width},
                            {"message", one.message},
                            {"source", one.source}});
    }
    return {{"ok", report.errors() == 0},
            {"errors", report.errors()},
            {"files", report.files},
            {"diagnostics", std::move(findings)}};
}

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

// "timeouts" of "timeouts.request".
std::vector<std::string> keys_and_groups() {
    std::set<std::string> names;
    for (const common::config::Key& key : common::config::keys()) {
        const std::string path(key.path);
        names.insert(path);
        if (const auto dot = path.find('.'); dot != std::string::npos) names.insert(path.substr(0, dot));
    }
    return {names.begin(), names.end()};
}

}  // namespace

int check(const Context& context, const std::vector<std::string>& paths, bool imports) {
    std::vector<std::string> asked = paths.empty() ? directories_of_emperor(context) : paths;
    if (asked.empty())
        return report(context, {ExitCode::usage, "no emperor answers, so name what to check: emperorctl check DIR", {}, {}});
    CheckOptions options{context.runtime_dir, {}, is_listened_on};
    options.is_one_fleet = paths.empty();
    learn_from_emperor(context, options);
    const CheckReport result = check_paths(asked, options);
    const std::vector<Import> imported = imports ? import_all(context, result) : std::vector<Import>();
    if (context.output == Output::json) {
        Json json = to_json(result);
        if (imports) json["imports"] = to_json(imported);
        context.out << dump(json);
    } else {
        if (!result.diagnostics.empty()) context.out << common::config::render(result.diagnostics) << "\n";
        print(context, imported);
        context.out << result.summary() << "\n";
    }
    if (result.errors() > 0) return exit_with(ExitCode::usage);
    const bool are_imported = std::ranges::all_of(imported, [](const Import& one) { return one.outcome.ok; });
    return exit_with(are_imported ? ExitCode::done : ExitCode::failed);
}

int explain(const Context& context, const std::string& key) {
    const std::string text = common::config::explain(key);
    if (!text.empty()) {
        if (context.output == Output::json) context.out << dump({{"key", key}, {"text", text}});
        else context.out << text << (text.ends_with('\n') ? "" : "\n");
        return exit_with(ExitCode::done);
    }
    std::string message = "unknown key '" + key + "'";
    if (common::config::is_planned_key(key)) message = key + " is not available in this version";
    else if (const std::string_view advice = common::config::advice_for_uwsgi_option(key); !advice.empty())
        message = "'" + key + "' is an option of uWSGI: " + std::string(advice);
    else if (const auto near = common::nearest(key, keys_and_groups(), 1); !near.empty())
        message += " (did you mean '" + near.front() + "'?)";
    return report(context, {ExitCode::usage, message, {}, {}});
}

int schema(const Context& context, bool is_markdown) {
    if (is_markdown) context.out << common::config::reference_markdown();
    else context.out << common::config::json_schema().dump(2) << "\n";
    return exit_with(ExitCode::done);
}

}  // namespace emperor::ctl
