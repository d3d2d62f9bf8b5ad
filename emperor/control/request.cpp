// SPDX-License-Identifier: Apache-2.0
#include "emperor/control/request.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "common/base/nearest.h"
#include "common/config/schema.h"

namespace emperor::control {

namespace {

constexpr std::size_t max_apps = 1000;
constexpr std::size_t max_name_size = 256;
constexpr std::int64_t latest_us = 253'402'300'799'000'000;  // the end of the year 9999

// What each command takes; the one place to add a command.
struct Row {
    Command command;
    std::string_view name;
    std::span<const std::string_view> arguments;
    std::size_t least_apps;
    std::size_t most_apps;
};

constexpr std::array<std::string_view, 2> app_arguments = {"app", "apps"};
constexpr std::array<std::string_view, 3> operation_arguments = {"app", "apps", "wait"};
constexpr std::array<std::string_view, 5> log_arguments = {"app", "apps", "lines", "follow", "since_us"};
constexpr std::array<std::string_view, 2> scale_arguments = {"app", "workers"};
constexpr std::array<std::string_view, 5> diff_arguments = {"app", "apps", "text", "defaults", "file"};
constexpr Row rows[] = {
    {Command::status, "status", app_arguments, 0, max_apps},
    {Command::show, "show", app_arguments, 1, 1},
    {Command::start, "start", operation_arguments, 1, max_apps},
    {Command::stop, "stop", operation_arguments, 1, max_apps},
    {Command::restart, "restart", operation_arguments, 1, max_apps},
    {Command::reload, "reload", operation_arguments, 1, max_apps},
    {Command::logs, "logs", log_arguments, 0, max_apps},
    {Command::config, "config", app_arguments, 1, 1},
    {Command::exec_context, "exec_context", app_arguments, 1, 1},
    {Command::version, "version", {}, 0, 0},
    {Command::rescan, "rescan", {}, 0, 0},
    {Command::upgrade, "upgrade", {}, 0, 0},
    {Command::why, "why", app_arguments, 1, 1},
    {Command::events, "events", log_arguments, 0, max_apps},
    {Command::rollback, "rollback", operation_arguments, 1, max_apps},
    {Command::scale, "scale", scale_arguments, 1, 1},
    {Command::diff, "diff", diff_arguments, 0, max_apps},
    {Command::reopen_logs, "reopen_logs", app_arguments, 0, max_apps},
};

std::string to_line(const Json& answer) {
    return answer.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool add_app(std::vector<std::string>& apps, const Json& value) {
    if (!value.is_string()) return false;
    const auto& name = value.get_ref<const std::string&>();
    if (name.empty() || name.size() > max_name_size || apps.size() >= max_apps) return false;
    apps.push_back(name);
    return true;
}

std::string take_workers(Request& request, const Json& value) {
    if (value.is_null()) return "";
    const common::config::Key& key = *common::config::find_key("workers");
    const auto is_count = [&](const Json& count) {
        return count.is_number_integer() && count >= key.minimum && count <= key.maximum;
    };
    const bool is_range = value.is_object() && value.size() == 2 && value.contains("min") && value.contains("max");
    const Json& min = is_range ? value["min"] : value;
    const Json& max = is_range ? value["max"] : value;
    if (!is_count(min) || !is_count(max) || min > max)
        return "'workers' must be an integer from 1 to " + std::to_string(key.maximum) + ", or {\"min\", \"max\"} of such";
    request.workers = fleet::WorkersRange{min.get<int>(), max.get<int>()};
    return "";
}

// The message of what is wrong with one argument; empty when it is fine.
std::string take_argument(Request& request, const std::string& key, const Json& value) {
    if (key == "app") return add_app(request.apps, value) ? "" : "'app' must be the name of an app";
    if (key == "apps") {
        const bool fits = value.is_array() && std::all_of(value.begin(), value.end(), [&](const Json& name) {
            return add_app(request.apps, name);
        });
        return fits ? "" : "'apps' must be a list of at most 1000 names of apps, none of them empty";
    }
    if (key == "wait" || key == "follow") {
        if (!value.is_boolean()) return "'" + key + "' must be true or false";
        (key == "wait" ? request.waits : request.follows) = value.get<bool>();
        return "";
    }
    if (key == "workers") return take_workers(request, value);
    if (key == "file") {
        if (!value.is_string()) return "'file' must be a path";
        request.file = value.get<std::string>();
        return "";
    }
    if (key == "text" || key == "defaults") {
        if (!value.is_string()) return "'" + key + "' must be the text of a file";
        (key == "text" ? request.text : request.defaults) = value.get<std::string>();
        return "";
    }
    if (key == "since_us") {
        if (!value.is_number_integer() || value < 0 || value > latest_us) return "'since_us' must be microseconds since 1970";
        request.since_us = value.get<std::int64_t>();
        return "";
    }
    if (!value.is_number_integer() || value < 0 || value > 1'000'000)
        return "'lines' must be an integer from 0 to 1000000";
    request.lines = value.get<std::int64_t>();
    return "";
}

std::string take_arguments(Request& request, const Row& row, const Json& args) {
    if (!args.is_object()) return "'args' must be an object";
    for (const auto& [key, value] : args.items()) {
        if (std::find(row.arguments.begin(), row.arguments.end(), key) == row.arguments.end())
            return "unknown argument '" + key.substr(0, max_name_size) + "' of '" + std::string(row.name) + "'";
        if (std::string problem = take_argument(request, key, value); !problem.empty()) return problem;
    }
    return "";
}

RequestError unknown_command(Json id, const std::string& given) {
    std::vector<std::string> names;
    for (const Row& row : rows) names.emplace_back(row.name);
    const std::string shown = given.substr(0, max_name_size);
    std::string message = "unknown command '" + shown + "'";
    if (const auto near = common::nearest(shown, names, 1); !near.empty())
        message += " (did you mean '" + near.front() + "'?)";
    return {std::move(id), ErrorCode::unknown_command, std::move(message), {}};
}

RequestError bad(Json id, std::string message) {
    return {std::move(id), ErrorCode::bad_request, std::move(message), {}};
}

// A parser recursion per level of nesting: refuse what no request needs before it is parsed.
bool is_too_deep(std::string_view line) noexcept {
    int depth = 0;
    bool is_in_string = false;
    for (std::size_t at = 0; at < line.size(); ++at) {
        const char letter = line[at];
        if (is_in_string) {
            if (letter == '\\') ++at;
            else if (letter == '"') is_in_string = false;
        } else if (letter == '"') {
            is_in_string = true;
        } else if (letter == '{' || letter == '[') {
            if (++depth > 16) return true;
        } else if (letter == '}' || letter == ']') {
            --depth;
        }
    }
    return false;
}

}  // namespace

std::string_view name_of(Command command) noexcept {
    for (const Row& row : rows)
        if (row.command == command) return row.name;
    return "";
}

std::string_view name_of(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::bad_request: return "bad_request";
        case ErrorCode::unknown_command: return "unknown_command";
        case ErrorCode::no_such_app: return "no_such_app";
        case ErrorCode::not_permitted: return "not_permitted";
        case ErrorCode::failed: return "failed";
        case ErrorCode::busy: return "busy";
    }
    return "failed";
}

std::variant<Request, RequestError> decode_request(std::string_view line) {
    const Json json = is_too_deep(line) ? Json(Json::value_t::discarded) : Json::parse(line, nullptr, false);
    if (json.is_discarded()) return bad(nullptr, "not a line of JSON");
    if (!json.is_object()) return bad(nullptr, "a request must be a JSON object");
    Request request;
    if (const auto id = json.find("id"); id != json.end()) {
        if (!id->is_number_integer() && !id->is_string()) return bad(nullptr, "'id' must be an integer or a string");
        request.id = *id;
    }
    for (const auto& [key, value] : json.items())
        if (key != "id" && key != "command" && key != "args")
            return bad(request.id, "unknown key '" + key.substr(0, max_name_size) + "'");
    const auto command = json.find("command");
    if (command == json.end() || !command->is_string()) return bad(request.id, "'command' must be a string");
    const auto& name = command->get_ref<const std::string&>();
    const Row* row = std::find_if(std::begin(rows), std::end(rows), [&](const Row& r) { return r.name == name; });
    if (row == std::end(rows)) return unknown_command(request.id, name);
    request.command = row->command;
    if (const auto args = json.find("args"); args != json.end())
        if (std::string problem = take_arguments(request, *row, *args); !problem.empty())
            return bad(request.id, std::move(problem));
    if (request.apps.size() < row->least_apps) return bad(request.id, "'" + name + "' needs the name of an app");
    if (request.apps.size() > row->most_apps) return bad(request.id, "'" + name + "' takes one app");
    return request;
}

std::string encode_result(const Json& id, const Json& result) {
    return to_line({{"id", id}, {"ok", true}, {"result", result}});
}

namespace {
Json error_object(const RequestError& error) {
    Json object = {{"code", name_of(error.code)}, {"message", error.message}};
    if (error.code == ErrorCode::no_such_app) object["nearest"] = error.nearest;
    return object;
}
}  // namespace

std::string encode_error(const RequestError& error) {
    return to_line({{"id", error.id}, {"ok", false}, {"error", error_object(error)}});
}

std::string encode_failure(const RequestError& error, const Json& result) {
    return to_line({{"id", error.id}, {"ok", false}, {"error", error_object(error)}, {"result", result}});
}

std::string encode_log_line(const Json& id, const Json& line) { return to_line({{"id", id}, {"line", line}}); }

std::string encode_event(const Json& id, const Json& event) { return to_line({{"id", id}, {"event", event}}); }

}  // namespace emperor::control
