// SPDX-License-Identifier: Apache-2.0
#include "emperor/control/history_views.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "emperor/control/views.h"

namespace emperor::control {

using Json = nlohmann::ordered_json;
using fleet::HistoryEntry;

namespace {

constexpr std::size_t log_lines = 15;

bool is_one_of(std::string_view event, std::initializer_list<std::string_view> events) {
    return std::ranges::find(events, event) != events.end();
}

// The vassal is as it was asked to be: what came before explains how it got here, not why it left.
bool is_settled(const HistoryEntry& entry) {
    return is_one_of(entry.event, {"running", "reloaded", "recovered", "adopted", "stopped", "sleeping"});
}

bool is_failure(const HistoryEntry& entry) {
    return is_one_of(entry.event, {"crashed", "start failed", "reload failed", "recycle failed", "rolled back",
                                   "worker_exited", "worker_not_started"});
}

// What a failure brings along by itself.
bool follows_from_failure(const HistoryEntry& entry) {
    return entry.event == "backoff" || (entry.event == "starting" && entry.text.starts_with("again after: "));
}

// "worker 2 (pid 4711): exit code 3" → "worker: exit code 3": another pid is not another failure.
std::string without_pid(const std::string& text) {
    const std::size_t colon = text.find(": ");
    return text.starts_with("worker ") && colon != std::string::npos ? "worker" + text.substr(colon) : text;
}

struct Cause {
    const HistoryEntry* first;
    const HistoryEntry* last;
    std::size_t count = 1;
};

bool is_again(const Cause& cause, const HistoryEntry& entry) {
    return is_failure(entry) && entry.event == cause.first->event &&
           without_pid(entry.text) == without_pid(cause.first->text);
}

std::vector<Cause> causes_from(std::span<const HistoryEntry> entries) {
    std::vector<Cause> causes;
    for (const HistoryEntry& entry : entries) {
        if (!causes.empty() && is_again(causes.back(), entry)) {
            causes.back().last = &entry;
            ++causes.back().count;
        } else if (causes.empty() || !follows_from_failure(entry)) {
            causes.push_back({&entry, &entry});
        }
    }
    return causes;
}

// From the settled state before the newest one.
std::span<const HistoryEntry> story_of(const std::vector<HistoryEntry>& history) {
    std::size_t begin = history.size();
    while (begin > 0 && !is_settled(history[begin - 1])) --begin;
    if (begin > 0) --begin;
    while (begin > 0 && !is_settled(history[begin - 1])) --begin;
    if (begin > 0) --begin;
    return std::span(history).subspan(begin);
}

}  // namespace

Json event_json(const std::string& app, const HistoryEntry& entry) {
    Json json = {{"app", app},
                 {"time_us", entry.time_us},
                 {"generation", entry.generation},
                 {"event", entry.event},
                 {"text", entry.text}};
    if (!entry.detail.empty()) json["detail"] = entry.detail;
    return json;
}

Json merged_events(const std::vector<fleet::VassalView>& views, std::size_t limit, std::int64_t since_us) {
    std::vector<std::pair<const fleet::VassalView*, const HistoryEntry*>> all;
    for (const fleet::VassalView& view : views)
        for (const HistoryEntry& entry : view.history)
            if (entry.time_us >= since_us) all.emplace_back(&view, &entry);
    std::ranges::stable_sort(all, {}, [](const auto& item) { return item.second->time_us; });
    Json events = Json::array();
    for (std::size_t at = all.size() > limit ? all.size() - limit : 0; at < all.size(); ++at)
        events.push_back(event_json(all[at].first->name, *all[at].second));
    return events;
}

Json explanation(const fleet::VassalView& view) {
    Json causes = Json::array(), log = Json::array();
    for (const Cause& cause : causes_from(story_of(view.history))) {
        Json json = event_json(view.name, *cause.last);
        json.erase("app");
        json["time_us"] = cause.first->time_us;
        json["last_us"] = cause.last->time_us;
        json["count"] = cause.count;
        causes.push_back(std::move(json));
    }
    if (view.board)
        for (const auto& record : common::scoreboard::read_log(*view.board, log_lines)) log.push_back(log_line(record));
    Json json = {{"app", view.name},
                 {"state", supervise::name_of(view.status.state)},
                 {"since_us", view.since_us},
                 {"reason", view.status.reason},
                 {"generation", view.status.active},
                 {"crashes", view.status.crashes}};
    if (view.retry_at_us) json["retry_at_us"] = *view.retry_at_us;
    if (!view.status.last_reload.empty()) json["last_reload"] = view.status.last_reload;
    json["causes"] = std::move(causes);
    json["log"] = std::move(log);
    return json;
}

}  // namespace emperor::control
