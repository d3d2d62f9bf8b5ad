// SPDX-License-Identifier: Apache-2.0
// diff: what a rescan would do, or what deploying other files would do, before it is done.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "common/config/schema.h"
#include "emperor/ctl/commands.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

// A request is one line of at most 64 KiB.
constexpr std::size_t max_text = 56 * 1024;

struct Candidate {
    std::string app;
    Json args;
};

std::optional<std::string> read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    std::string text{std::istreambuf_iterator<char>(in), {}};
    return in.bad() ? std::nullopt : std::optional(std::move(text));
}

bool is_vassal_file(const std::filesystem::path& path) {
    const std::string name = path.filename().string();
    return (path.extension() == ".yaml" || path.extension() == ".yml") && !name.starts_with('.') && !name.starts_with('_');
}

std::variant<Candidate, CallError> candidate_of(const std::filesystem::path& path) {
    const auto text = read_file(path);
    if (!text) return CallError{ExitCode::usage, path.string() + ": cannot be read", {}, {}};
    const auto defaults = read_file(path.parent_path() / "_defaults.yaml");
    if (text->size() + (defaults ? defaults->size() : 0) > max_text)
        return CallError{ExitCode::usage, path.string() + ": too large to be compared over the control socket", {}, {}};
    Json args = {{"app", path.stem().string()}, {"text", *text}, {"file", path.string()}};
    if (defaults) args["defaults"] = *defaults;
    return Candidate{path.stem().string(), std::move(args)};
}

// Files to compare, and whether whole directories were named: then what is not in them would be removed.
std::variant<std::vector<Candidate>, CallError> candidates_of(const std::vector<std::string>& paths, bool& has_directory) {
    std::vector<std::filesystem::path> files;
    for (const std::string& given : paths) {
        std::error_code error;
        if (!std::filesystem::is_directory(given, error)) {
            files.emplace_back(given);
            continue;
        }
        has_directory = true;
        for (std::filesystem::directory_iterator item(given, error), end; !error && item != end; item.increment(error))
            if (is_vassal_file(item->path())) files.push_back(item->path());
        if (error) return CallError{ExitCode::usage, given + ": " + error.message(), {}, {}};
    }
    std::ranges::sort(files);
    std::vector<Candidate> candidates;
    for (const auto& file : files) {
        auto candidate = candidate_of(file);
        if (const auto* error = std::get_if<CallError>(&candidate)) return *error;
        candidates.push_back(std::move(std::get<Candidate>(candidate)));
    }
    return candidates;
}

Answer<Json> differences_against(const Context& context, const DiffOptions& options) {
    bool has_directory = false;
    auto found = candidates_of(options.against, has_directory);
    if (const auto* error = std::get_if<CallError>(&found)) return *error;
    const Deadline deadline = context.deadline(query_timeout);
    Answer<Client> connected = Client::connect(context.control_path(), deadline);
    if (const auto* error = std::get_if<CallError>(&connected)) return *error;
    auto& client = std::get<Client>(connected);
    const std::set<std::string> wanted(options.apps.begin(), options.apps.end());
    std::set<std::string> there;
    Json differences = Json::array();
    for (const Candidate& candidate : std::get<std::vector<Candidate>>(found)) {
        there.insert(candidate.app);
        if (!wanted.empty() && !wanted.contains(candidate.app)) continue;
        const Answer<Json> answer = client.call("diff", candidate.args, deadline);
        if (const auto* error = std::get_if<CallError>(&answer)) return *error;
        for (const Json& one : std::get<Json>(answer).value("differences", Json::array()))
            if (one.value("action", "") != "unchanged") differences.push_back(one);
    }
    if (!has_directory) return differences;
    const Answer<Json> status = client.call("status", Json::object(), deadline);
    if (const auto* error = std::get_if<CallError>(&status)) return *error;
    for (const Json& app : std::get<Json>(status).value("apps", Json::array()))
        if (const std::string name = app.value("name", ""); !there.contains(name) && !app.value("file", "").empty() &&
                                                            (wanted.empty() || wanted.contains(name)))
            differences.push_back({{"app", name},
                                   {"action", "removed"},
                                   {"class", nullptr},
                                   {"cause", "it is not among the files"},
                                   {"values", Json::array()},
                                   {"diagnostics", Json::array()}});
    return differences;
}

Answer<Json> differences_of(const Context& context, const DiffOptions& options) {
    if (!options.against.empty()) return differences_against(context, options);
    const Answer<Json> answer = ask(context, "diff", options.apps.empty() ? Json::object() : Json{{"apps", options.apps}});
    if (const auto* error = std::get_if<CallError>(&answer)) return *error;
    return std::get<Json>(answer).value("differences", Json::array());
}

// ---- secrets: a diff is pasted into tickets and CI logs -------------------------------------------------------------

bool looks_secret(std::string name) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return std::ranges::any_of(
        std::initializer_list<std::string_view>{"SECRET", "PASSW", "PASSPHRASE", "TOKEN", "KEY", "CREDENTIAL", "DSN", "AUTH",
                                                "PRIVATE", "SALT"},
        [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

// "postgres://ann:pw@db/shop"
bool holds_password(const Json& value) {
    if (!value.is_string()) return false;
    const auto& text = value.get_ref<const std::string&>();
    const auto scheme = text.find("://");
    const auto at = text.find('@', scheme == std::string::npos ? 0 : scheme);
    return scheme != std::string::npos && at != std::string::npos && text.find(':', scheme + 3) < at;
}

struct Line {
    std::string key;
    Json before, after;  // null: not there
};

Json element(const Json& map, const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() ? Json() : *found;
}

// Maps are told element by element.
std::vector<Line> lines_of(const Json& value) {
    const std::string key = value.value("key", "");
    const Json before = value.value("before", Json()), after = value.value("after", Json());
    const bool is_map = key != "workers" && (before.is_object() || after.is_object());
    if (!is_map) return {{key, before, after}};
    std::set<std::string> names;
    for (const Json* side : {&before, &after})
        for (const auto& item : side->items()) names.insert(item.key());
    std::vector<Line> lines;
    for (const std::string& name : names) {
        Line line{key + "." + name, element(before, name), element(after, name)};
        if (line.before != line.after) lines.push_back(std::move(line));
    }
    return lines;
}

void mask(Line& line) {
    const bool is_environment = line.key.starts_with("env.");
    if (!is_environment) return;
    if (!looks_secret(line.key.substr(4)) && !holds_password(line.before) && !holds_password(line.after)) return;
    for (Json* side : {&line.before, &line.after})
        if (!side->is_null()) *side = "***";
}

std::string text_of(const std::string& path, const Json& value) {
    if (value.is_null()) return "(unset)";
    const common::config::Key* key = common::config::find_key(path);
    if (key) return harmless(common::config::value_text(*key, nlohmann::json(value)));
    return harmless(value.is_string() ? value.get<std::string>() : value.dump());
}

// ---- writing --------------------------------------------------------------------------------------------------------

Json flattened(const Json& differences, bool reveals) {
    Json list = Json::array();
    for (Json one : differences) {
        Json values = Json::array();
        for (const Json& value : one.value("values", Json::array()))
            for (Line& line : lines_of(value)) {
                if (!reveals) mask(line);
                values.push_back({{"key", line.key}, {"before", line.before}, {"after", line.after}});
            }
        one["values"] = std::move(values);
        list.push_back(std::move(one));
    }
    return list;
}

std::string headline(const Json& difference) {
    std::string action = difference.value("action", "");
    if (action == "defaults_changed") action = "changed";
    if (action == "not_applied") action = "differs from its file";
    std::string line = harmless(difference.value("app", "")) + ": " + action;
    if (const Json change = difference.value("class", Json()); change.is_string()) line += ", " + change.get<std::string>();
    if (const std::string cause = difference.value("cause", ""); !cause.empty()) line += " (" + harmless(cause) + ")";
    return line + "\n";
}

void print(const Context& context, const Json& differences) {
    for (const Json& difference : differences) {
        context.out << headline(difference);
        for (const Json& value : difference["values"]) {
            const std::string key = value.value("key", "");
            context.out << "  " << harmless(key) << ": " << text_of(key, value["before"]) << " -> "
                        << text_of(key, value["after"]) << "\n";
        }
        for (const Json& finding : difference.value("diagnostics", Json::array()))
            context.out << indented("  ", finding.value("text", ""));
    }
    if (differences.empty()) context.out << "no difference\n";
}

}  // namespace

int diff(const Context& context, const DiffOptions& options) {
    const Answer<Json> answer = differences_of(context, options);
    if (const auto* error = std::get_if<CallError>(&answer)) return report(context, *error);
    const Json differences = flattened(std::get<Json>(answer), options.reveals);
    switch (context.output) {
        case Output::json:
            context.out << Json{{"differences", differences}}.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
            break;
        case Output::name:
            for (const Json& one : differences) context.out << one.value("app", "") << "\n";
            break;
        case Output::table:
        case Output::wide: print(context, differences); break;
    }
    const bool is_any_invalid =
        std::ranges::any_of(differences, [](const Json& one) { return one.value("action", "") == "invalid"; });
    return exit_with(is_any_invalid ? ExitCode::usage : ExitCode::done);
}

}  // namespace emperor::ctl
