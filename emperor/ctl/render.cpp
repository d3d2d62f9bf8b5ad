// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/render.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/config/schema.h"
#include "emperor/ctl/fields.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

Color color_of(const std::string& state) {
    if (state == "running") return Color::green;
    if (state == "backoff" || state == "failed" || state == "invalid" || state == "rolled back") return Color::red;
    if (state == "stopped" || state == "sleeping") return Color::dim;
    return Color::yellow;
}

std::string generation_of(const Json& app) {
    const std::int64_t active = number_at(app, "generation");
    const std::int64_t successor = number_at(app, "successor");
    if (successor == 0) return active == 0 ? "-" : std::to_string(active);
    return (active == 0 ? "" : std::to_string(active)) + "->" + std::to_string(successor);
}

std::string workers_of(const Json& app) {
    const Json& workers = part_at(app, "workers");
    const std::int64_t most = number_at(workers, "configured"), least = number_at(workers, "least");
    const bool is_range = least > 0 && least < most;
    std::string text = std::to_string(number_at(workers, "serving")) + "/" +
                       std::to_string(is_range ? number_at(workers, "wanted") : most);
    if (is_range) text += " (" + std::to_string(least) + "-" + std::to_string(most) + ")";
    if (const std::int64_t busy = number_at(workers, "busy"); busy > 0) text += " " + std::to_string(busy) + " busy";
    return text;
}

std::string uptime_of(const Json& app, std::int64_t now_us) {
    const std::int64_t started = number_at(app, "started_us");
    return started > 0 && is_true(app, "is_serving") ? span_text(std::chrono::microseconds(now_us - started)) : "-";
}

std::string first_listener(const Json& app) {
    const Json& listeners = part_at(app, "listeners");
    if (listeners.empty()) return "-";
    std::string text = harmless(text_at(listeners.front(), "address"));
    if (listeners.size() > 1) text += " +" + std::to_string(listeners.size() - 1);
    return text;
}

std::int64_t queue_of(const Json& app) {
    std::int64_t sum = 0;
    for (const Json& listener : part_at(app, "listeners")) sum += number_at(listener, "queue");
    return sum;
}

// "/etc/apps.d/old.yaml:4:3: error: unknown key" → "old.yaml:4:3: error: unknown key"
std::string without_folder(const std::string& headline) {
    const auto slash = headline.rfind('/', headline.find(": "));
    return slash == std::string::npos ? headline : headline.substr(slash + 1);
}

// Warnings stand beside the error that makes a file invalid.
std::string first_error(const Json& findings) {
    for (const Json& finding : findings) {
        const std::string text = finding.is_string() ? finding.get<std::string>() : "";
        if (text.find(": error: ") != std::string::npos) return text;
    }
    return "";
}

void add_part(std::string& note, const std::string& part) {
    if (part.empty() || note.find(part) != std::string::npos) return;
    if (!note.empty()) note += " - ";
    note += part;
}

}  // namespace

std::string note_of(const Json& app, std::int64_t now_us) {
    std::string note;
    const Json& findings = part_at(app, "diagnostics");
    const std::string state = text_at(app, "state");
    if (const Json& file = part_at(app, "workers"); file.contains("file"))
        note = "scaled by an operator (file: workers " +
               common::config::value_text(*common::config::find_key("workers"), nlohmann::json(file["file"])) + ")";
    if (state == "invalid" && number_at(app, "generation") > 0)
        add_part(note, "keeping generation " + std::to_string(number_at(app, "generation")));
    if (const std::string error = first_error(findings); state == "invalid" && !error.empty())
        add_part(note, without_folder(error));
    else
        add_part(note, text_at(app, "reason"));
    if (const std::string last = text_at(app, "last_reload"); last.starts_with("failed")) {
        const std::string reason = last.starts_with("failed: ") ? last.substr(8) : last;
        if (note.find(reason) == std::string::npos) add_part(note, "last reload " + last);
    }
    if (const Json& keys = part_at(app, "differing_keys"); !text_at(app, "rolled_back").empty()) {
        std::string differs;
        for (const Json& key : keys) differs += (differs.empty() ? "" : ", ") + (key.is_string() ? key.get<std::string>() : "");
        add_part(note, differs.empty() ? "the file is not tried again until it changes" : "its file differs: " + differs);
    }
    if (const std::int64_t retry = number_at(app, "retry_at_us"); retry > 0)
        add_part(note, "retry in " + span_text(std::chrono::microseconds(std::max<std::int64_t>(0, retry - now_us))));
    return harmless(note);
}

std::string render_status(const Json& apps, bool is_wide, const Style& style, std::int64_t now_us) {
    if (apps.empty()) return "no apps\n";
    std::vector<std::string> headers = {"APP", "STATE", "GEN", "WORKERS", "REQUESTS", "RESTARTS", "UPTIME"};
    if (is_wide) for (const char* header : {"ERRORS", "QUEUE", "MEMORY", "PID", "USER", "LISTEN"}) headers.emplace_back(header);
    headers.emplace_back("NOTE");
    Table table(std::move(headers));
    for (const Json& app : apps) {
        const std::string state = text_at(app, "state");
        std::vector<Cell> row = {{harmless(text_at(app, "name")), Color::none},
                                 {state, color_of(state)},
                                 {generation_of(app), Color::none},
                                 {workers_of(app), Color::none},
                                 {std::to_string(number_at(app, "requests")), Color::none},
                                 {std::to_string(number_at(app, "restarts")), Color::none},
                                 {uptime_of(app, now_us), Color::none}};
        if (is_wide) {
            const std::int64_t pid = number_at(app, "pid");
            row.push_back({std::to_string(number_at(app, "exceptions")), Color::none});
            row.push_back({std::to_string(queue_of(app)), Color::none});
            row.push_back({size_text(number_at(app, "resident_memory")), Color::none});
            row.push_back({pid > 0 ? std::to_string(pid) : "-", Color::none});
            row.push_back({harmless(text_at(app, "user")), Color::none});
            row.push_back({first_listener(app), Color::none});
        }
        row.push_back({note_of(app, now_us), Color::none});
        table.add(std::move(row));
    }
    return table.text(style);
}

namespace {

void add_fact(std::string& page, const std::string& name, const std::string& value) {
    if (!value.empty()) page += name + ":" + std::string(name.size() < 13 ? 13 - name.size() : 1, ' ') + value + "\n";
}

std::string heading(const std::string& text, const Style& style) {
    std::string line = "\n";
    return line.append(paint(text, Color::bold, style.is_colored)).append("\n");
}

std::string worker_table(const Json& workers, const Style& style) {
    Table table({"  WORKER", "PID", "STATE", "GEN", "REQUESTS", "ERRORS", "CRASHES", "MEMORY", "NOW"});
    for (const Json& worker : workers) {
        std::string now;
        for (const Json& request : part_at(worker, "in_flight")) {
            if (!now.empty()) now += ", ";
            now += harmless(text_at(request, "request")) + " (" +
                   span_text(std::chrono::microseconds(number_at(request, "age_us"))) + ")";
        }
        const std::int64_t pid = number_at(worker, "pid");
        table.add({{"  " + std::to_string(number_at(worker, "id")), Color::none},
                   {pid > 0 ? std::to_string(pid) : "-", Color::none},
                   {text_at(worker, "state"), Color::none},
                   {std::to_string(number_at(worker, "generation")), Color::none},
                   {std::to_string(number_at(worker, "requests")), Color::none},
                   {std::to_string(number_at(worker, "exceptions")), Color::none},
                   {std::to_string(number_at(worker, "crashes")), Color::none},
                   {size_text(number_at(worker, "resident_memory")), Color::none},
                   {now, Color::none}});
    }
    return table.text(style);
}

std::string value_of(const Json& values, const std::string& path) {
    constexpr std::size_t most = 100;
    const Json* node = &values;
    for (std::size_t at = 0; at <= path.size() && node->is_object();) {
        const std::size_t dot = std::min(path.find('.', at), path.size());
        const auto found = node->find(path.substr(at, dot - at));
        if (found == node->end()) return "-";
        node = &*found;
        at = dot + 1;
    }
    const std::string text = node->dump(-1, ' ', false, Json::error_handler_t::replace);
    return harmless(text.size() > most ? text.substr(0, most) + "..." : text);
}

// What runs after a rollback, and what the file says.
std::string differences(const Json& app) {
    Table table({"  KEY", "RUNS", "FILE"});
    for (const Json& key : part_at(app, "differing_keys")) {
        const std::string path = key.is_string() ? key.get<std::string>() : "";
        table.add({{"  " + harmless(path), Color::none},
                   {value_of(part_at(app, "configuration"), path), Color::none},
                   {value_of(part_at(app, "rolled_back_configuration"), path), Color::none}});
    }
    return table.text({});
}

std::string facts(const Json& app, const Style& style, std::int64_t now_us) {
    const std::string state = text_at(app, "state");
    std::string page = paint(harmless(text_at(app, "name")), Color::bold, style.is_colored) + "\n";
    add_fact(page, "state", paint(state, color_of(state), style.is_colored) + " for " +
                                span_text(std::chrono::microseconds(now_us - number_at(app, "since_us"))));
    add_fact(page, "note", note_of(app, now_us));
    add_fact(page, "generation", generation_of(app));
    add_fact(page, "app", harmless(text_at(app, "app")));
    add_fact(page, "chdir", harmless(text_at(app, "chdir")));
    add_fact(page, "file", harmless(text_at(app, "file")));
    add_fact(page, "user", harmless(text_at(app, "user")));
    add_fact(page, "workers", workers_of(app) + (number_at(app, "threads") > 1
                                                     ? ", " + std::to_string(number_at(app, "threads")) + " threads each"
                                                     : ""));
    add_fact(page, "requests", std::to_string(number_at(app, "requests")) + " (" +
                                   std::to_string(number_at(app, "exceptions")) + " errors, " +
                                   std::to_string(number_at(app, "client_aborts")) + " client aborts, " +
                                   std::to_string(number_at(app, "timeouts")) + " timeouts)");
    add_fact(page, "restarts", std::to_string(number_at(app, "restarts")));
    const std::string last = text_at(app, "last_reload");
    add_fact(page, "last reload", harmless(last.empty() ? "never" : last));
    for (const Json& listener : part_at(app, "listeners"))
        add_fact(page, "listen", harmless(text_at(listener, "address")) + "  queue " +
                                     std::to_string(number_at(listener, "queue")) + "/" +
                                     std::to_string(number_at(listener, "queue_limit")));
    return page;
}

}  // namespace

std::string render_show(const Json& app, const Style& style, std::int64_t now_us) {
    std::string page = facts(app, style, now_us);
    if (const Json& findings = part_at(app, "diagnostics"); !findings.empty()) {
        page += heading("configuration file", style);
        for (const Json& finding : findings) page += indented("  ", text_at(finding, "text"));
    }
    if (const Json& failure = part_at(app, "last_reload_failure"); !failure.empty()) {
        page += heading("last failed reload", style) + "  step " + harmless(text_at(failure, "step")) + ": " +
                harmless(text_at(failure, "reason")) + "\n" + indented("  ", text_at(failure, "detail"));
    }
    if (!part_at(app, "differing_keys").empty()) page += heading("rolled back", style) + differences(app);
    if (const Json& instances = part_at(app, "instances"); !instances.empty()) {
        page += heading("instances", style);
        for (const Json& one : instances) {
            page += "  generation " + std::to_string(number_at(one, "generation")) + ", " + text_at(one, "role") + ", " +
                    text_at(one, "state");
            if (const std::string step = text_at(one, "step"); !step.empty()) page += " (" + harmless(step) + ")";
            page += ", master pid " + std::to_string(number_at(one, "pid")) + ", for " +
                    span_text(std::chrono::microseconds(now_us - number_at(one, "started_us"))) + "\n";
        }
    }
    if (const Json& workers = part_at(app, "worker_list"); !workers.empty())
        page += heading("workers", style) + worker_table(workers, style);
    if (const Json& history = part_at(app, "history"); !history.empty()) {
        page += heading("history", style);
        Table table({"  TIME", "GEN", "EVENT", "CAUSE"});
        for (std::size_t at = history.size() > 10 ? history.size() - 10 : 0; at < history.size(); ++at) {
            const std::int64_t generation = number_at(history[at], "generation");
            table.add({{"  " + time_text(number_at(history[at], "time_us")), Color::none},
                       {generation > 0 ? std::to_string(generation) : "-", Color::none},  // about the file: none
                       {text_at(history[at], "event"), Color::none},
                       {harmless(text_at(history[at], "text")), Color::none}});
        }
        page += table.text({.is_colored = style.is_colored, .width = 0});  // a page has room for whole causes
    }
    if (const Json& log = part_at(app, "log"); !log.empty()) {
        page += heading("last log lines", style);
        for (const Json& line : log) page += "  " + render_log_line(text_at(app, "name"), line);
    }
    return page;
}

std::string render_failure(const std::string& operation, const Json& outcome) {
    const std::string app = harmless(text_at(outcome, "app"));
    const Json& failure = part_at(outcome, "failure");
    std::string text = app + ": " + operation + " failed";
    if (const std::string step = text_at(failure, "step"); !step.empty()) text += " at step " + harmless(step);
    if (const std::string reason = text_at(failure, "reason"); !reason.empty()) text += ": " + harmless(reason);
    text += "\n" + indented("  ", text_at(failure, "detail"));
    const Json& log = part_at(outcome, "log");
    if (!log.empty()) text += "last log lines of " + app + ":\n";
    for (const Json& line : log) text += "  " + render_log_line(app, line);
    return text;
}

}  // namespace emperor::ctl
