// SPDX-License-Identifier: Apache-2.0
#include "emperor/control/history_views.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string_view>

#include "emperor/control/views.h"

namespace emperor::control {

using Json = nlohmann::ordered_json;
using fleet::HistoryEntry;

namespace {

constexpr std::size_t log_lines = 15;
// After so long a time without a failure a recovery was one.
constexpr std::int64_t steady_us = 600'000'000;
constexpr std::string_view again = "again after: ";

bool is_one_of(std::string_view event, std::initializer_list<std::string_view> events) {
    return std::ranges::find(events, event) != events.end();
}

bool is_failure(const HistoryEntry& entry) {
    return is_one_of(entry.event, {"crashed", "start failed", "reload failed", "recycle failed", "rolled back",
                                   "worker_exited", "worker_not_started"});
}

// What may come again and again, and is then told once.
bool repeats(const HistoryEntry& entry) {
    return is_failure(entry) || is_one_of(entry.event, {"queue_full", "queue_normal", "log_failed", "log_recovered"});
}

// It serves again, and nobody has done anything about it.
bool is_recovery(std::span<const HistoryEntry> history, std::size_t at) {
    const HistoryEntry& entry = history[at];
    if (entry.event == "recovered") return true;
    if (entry.event != "running") return false;
    while (at > 0 && history[at].event != "starting") --at;
    return history[at].event == "starting" && history[at].generation == entry.generation && history[at].text.starts_with(again);
}

// The vassal is as it was asked to be: what came before explains how it got here, not why it left. A recovery from which it
// soon failed anew is a part of the failing.
bool is_settled(std::span<const HistoryEntry> history, std::size_t at) {
    const bool is_recovered = is_recovery(history, at);
    if (!is_recovered) return is_one_of(history[at].event, {"running", "reloaded", "adopted", "stopped", "sleeping"});
    const auto later = history.subspan(at + 1);
    const auto failure = std::ranges::find_if(later, is_failure);
    return failure == later.end() || failure->time_us - history[at].time_us >= steady_us;
}

// What a failure brings along by itself.
bool follows_from_failure(std::span<const HistoryEntry> history, std::size_t at) {
    const HistoryEntry& entry = history[at];
    return is_one_of(entry.event, {"backoff", "degraded", "clients get 503"}) || is_recovery(history, at) ||
           (entry.event == "starting" && entry.text.starts_with(again));
}

// "worker 2 (pid 4711): exit code 3" → "exit code 3": another worker with another pid is not another failure, and neither is
// "request timeout: GET /x after 2.1 s" instead of 2 s.
std::string_view essence_of(const HistoryEntry& entry) {
    if (!is_failure(entry)) return {};
    std::string_view text = entry.text;
    const std::size_t colon = text.find(": ");
    if (text.starts_with("worker ") && colon != text.npos) text.remove_prefix(colon + 2);
    return text.starts_with("request timeout: ") ? text.substr(0, text.rfind(" after ")) : text;
}

struct Cause {
    const HistoryEntry* first;
    const HistoryEntry* last;
    std::size_t count = 1;
};

// The same thing before, with nothing but other failures and what follows from them in between.
Cause* same_as(const HistoryEntry& entry, std::vector<Cause>& causes) {
    for (auto cause = causes.rbegin(); cause != causes.rend() && repeats(*cause->first) && repeats(entry); ++cause)
        if (cause->first->event == entry.event && essence_of(*cause->first) == essence_of(entry)) return &*cause;
    return nullptr;
}

std::vector<Cause> causes_from(std::span<const HistoryEntry> history, std::size_t begin) {
    std::vector<Cause> causes;
    for (std::size_t at = begin; at < history.size(); ++at) {
        const HistoryEntry& entry = history[at];
        const bool is_end = at + 1 == history.size() && is_recovery(history, at);
        if (Cause* const cause = same_as(entry, causes)) {
            cause->last = &entry;
            ++cause->count;
        } else if (causes.empty() || is_end || !follows_from_failure(history, at)) {
            causes.push_back({&entry, &entry});
        }
    }
    return causes;
}

// From the settled state before the newest one.
std::size_t story_of(std::span<const HistoryEntry> history) {
    std::size_t begin = history.size();
    for (int settled = 0; settled < 2 && begin > 0; ++settled) {
        while (begin > 0 && !is_settled(history, begin - 1)) --begin;
        if (begin > 0) --begin;
    }
    return begin;
}

// Of the last lines those that stand in no cause's detail: a traceback is shown once.
std::vector<common::link::LogRecord> lines_beside(const std::vector<Cause>& causes, const common::scoreboard::Board& board) {
    std::set<std::string_view> shown;
    for (const Cause& cause : causes) {
        for (std::string_view rest = cause.last->detail; !rest.empty();) {
            const std::string_view line = rest.substr(0, rest.find('\n'));
            shown.insert(line);
            rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        }
    }
    std::vector<common::link::LogRecord> lines = common::scoreboard::read_log(board);
    std::erase_if(lines, [&](const auto& line) { return shown.contains(line.text); });
    if (lines.size() > log_lines) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(log_lines));
    return lines;
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
    const std::vector<Cause> found = causes_from(view.history, story_of(view.history));
    for (const Cause& cause : found) {
        Json json = event_json(view.name, *cause.last);
        json.erase("app");
        json["time_us"] = cause.first->time_us;
        json["last_us"] = cause.last->time_us;
        json["count"] = cause.count;
        causes.push_back(std::move(json));
    }
    if (view.board)
        for (const auto& record : lines_beside(found, *view.board)) log.push_back(log_line(record));
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
