// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/api.h"

#include <nlohmann/json.hpp>

#include "emperor/stats/figures.h"
#include "emperor/web/assets.h"

namespace emperor::web {

using Json = nlohmann::ordered_json;

namespace {

constexpr int shown_events = 100, shown_log_lines = 200;

stats::Document document(const Json& json) {
    return std::make_shared<const std::string>(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Reply of(const stats::Answer& answer) {
    if (!answer.body) return reply_of(Refusal{404, "no such app"});
    return {.type = std::string(answer.type), .body = answer.body};
}

std::string line_of(const char* id, std::string_view command, Json arguments) {
    return Json{{"id", id}, {"command", command}, {"args", std::move(arguments)}}.dump(-1, ' ', false,
                                                                                       Json::error_handler_t::replace);
}

// Of `scale`: {"workers": 3}, {"workers": {"min": 1, "max": 4}}, {"workers": null}.
std::string scale_line(const std::string& vassal, const std::string& body, std::string& problem) {
    const Json json = body.size() > 1024 ? Json(Json::value_t::discarded) : Json::parse(body, nullptr, false);
    if (!json.is_object() || json.size() != 1 || !json.contains("workers")) {
        problem = "scale takes {\"workers\": N}, {\"workers\": {\"min\": N, \"max\": N}} or {\"workers\": null}";
        return "";
    }
    return line_of("scale", "scale", {{"app", vassal}, {"workers", json["workers"]}});
}

}  // namespace

bool Api::asks_control(const Route& route) noexcept {
    return route.page == Page::operation || route.page == Page::show || route.page == Page::why || route.page == Page::logs ||
           route.page == Page::config || route.page == Page::events;
}

std::string Api::control_line(const Route& route, const std::string& body, std::string& problem) {
    if (route.page == Page::events) return line_of("events", "events", {{"lines", route.lines}});
    const Json app = {{"app", route.name}};
    if (route.page == Page::show) return line_of("show", "show", app);
    if (route.page == Page::why) return line_of("why", "why", app);
    if (route.page == Page::config) return line_of("config", "config", app);
    if (route.page == Page::logs) return line_of("logs", "logs", {{"app", route.name}, {"lines", route.lines}});
    if (route.operation == "scale") return scale_line(route.name, body, problem);
    return line_of("operation", route.operation, {{"app", route.name}, {"wait", route.waits}});
}

void Api::ask(std::string_view line, const std::string& peer, const std::shared_ptr<control::Conversation>& conversation) {
    control_.ask(line, peer.empty() ? "dashboard" : "dashboard from " + peer, conversation);
}

std::vector<std::shared_ptr<Feed>> Api::follow(const std::string& vassal, const std::shared_ptr<EventStream>& stream) {
    std::vector<std::shared_ptr<Feed>> feeds{std::make_shared<Feed>(stream, "events")};
    Json arguments = {{"follow", true}, {"lines", shown_events}};
    if (!vassal.empty()) arguments["app"] = vassal;
    ask(line_of("events", "events", arguments), "", feeds.back());
    if (vassal.empty()) return feeds;
    feeds.push_back(std::make_shared<Feed>(stream, "log"));
    ask(line_of("log", "logs", {{"app", vassal}, {"follow", true}, {"lines", shown_log_lines}}), "", feeds.back());
    return feeds;
}

Reply Api::answer(const Route& route, std::string_view known_tag, bool takes_gzip) {
    const auto documents = [&](const std::string& path) {
        return of(stats_.answer({.path = path, .vassal = {}, .is_per_worker = route.is_per_worker, .since = route.since}));
    };
    switch (route.page) {
        case Page::asset: return asset(route.name, known_tag, takes_gzip);
        case Page::livez: return {.type = "text/plain; charset=utf-8", .body = nullptr, .still = "ok\n"};
        case Page::readyz: return ready();
        case Page::health: return health(route.name);
        case Page::metrics: return documents("/metrics");
        case Page::fleet: return documents("/");
        case Page::vassal: return documents("/vassals/" + route.name);
        case Page::rows: return of(stats_.rows(route.since));
        case Page::rates: return of(stats_.rates());
        case Page::series: return of(stats_.series(route.name));
        case Page::stream:
        case Page::vassal_stream:
            return {.type = "text/event-stream", .body = nullptr};  // of HEAD: the rest is no answer at once
        case Page::events:
        case Page::show:
        case Page::why:
        case Page::logs:
        case Page::config:
        case Page::operation: break;
    }
    return reply_of(Refusal{500, "no answer"});
}

Reply Api::asset(const std::string& path, std::string_view known_tag, bool takes_gzip) const {
    const Asset* found = find_asset(path);
    if (!found) return reply_of(Refusal{404, "not found"});
    Reply reply{.type = std::string(found->type), .body = nullptr, .still = takes_gzip ? found->gzip : found->plain};
    // Another emperor may serve another page at once: a browser asks each time, and is mostly told that it has it.
    reply.headers = {{"ETag", std::string(found->tag)}, {"Vary", "Accept-Encoding"}, {"Cache-Control", "no-cache"}};
    if (!known_tag.empty() && known_tag.find(found->tag) != std::string_view::npos) {
        reply.status = 304;
        reply.still = {};
    } else if (takes_gzip) {
        reply.headers.emplace_back("Content-Encoding", "gzip");
    }
    return reply;
}

Reply Api::ready() const {
    const bool is_ending = fleet_.self().is_shutting_down;
    const bool is_ready = is_ready_() && !is_ending;
    const char* reason = is_ending ? "shutting down" : "starting";
    Json json = {{"ready", is_ready}};
    if (!is_ready) json["reason"] = reason;
    return {.status = is_ready ? 200 : 503, .body = document(json)};
}

Reply Api::health(const std::string& vassal) const {
    const auto view = fleet_.glance(vassal);
    if (!view) return reply_of(Refusal{404, "no such app"});
    const bool is_serving = stats::is_serving(*view);
    // Nobody proves who he is here: the state, and no reason with paths or tracebacks in it.
    return {.status = is_serving ? 200 : 503,
            .body = document({{"app", vassal}, {"serving", is_serving}, {"state", supervise::name_of(view->status.state)}})};
}

}  // namespace emperor::web
