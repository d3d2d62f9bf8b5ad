// SPDX-License-Identifier: Apache-2.0
#include "emperor/web/route.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "common/config/decode.h"

namespace emperor::web {

namespace {

using Named = std::pair<std::string_view, Page>;

constexpr std::array plain = {Named{"/livez", Page::livez},
                              Named{"/readyz", Page::readyz},
                              Named{"/metrics", Page::metrics},
                              Named{"/api/v1/fleet", Page::fleet},
                              Named{"/api/v1/rows", Page::rows},
                              Named{"/api/v1/rates", Page::rates},
                              Named{"/api/v1/stream", Page::stream},
                              Named{"/api/v1/events", Page::events}};

// Below /api/v1/vassals/NAME.
constexpr std::array of_vassal = {Named{"", Page::vassal},         Named{"/show", Page::show},     Named{"/why", Page::why},
                                  Named{"/logs", Page::logs},      Named{"/config", Page::config}, Named{"/series", Page::series},
                                  Named{"/stream", Page::vassal_stream}};

constexpr std::array<std::string_view, 6> operations = {"/reload", "/restart", "/stop", "/start", "/rollback", "/scale"};

template <class Number>
bool read_number(std::string_view text, Number least, Number most, Number& into) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) return false;
    into = value;
    return true;
}

// The parameter that makes no sense; empty when all do. Unknown ones mean nothing.
std::string read_query(std::string_view query, Route& route) {
    while (!query.empty()) {
        const std::string_view item = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), item.size() + 1));
        const std::string_view key = item.substr(0, item.find('='));
        const std::string_view value = item.size() > key.size() ? item.substr(key.size() + 1) : std::string_view();
        bool fits = true;
        if (key == "lines") fits = read_number<std::int64_t>(value, 1, 2000, route.lines);
        if (key == "since") fits = read_number<std::uint64_t>(value, 0, UINT64_MAX, route.since);
        if (key == "per_worker") fits = value == "0" || value == "1", route.is_per_worker = value == "1";
        if (key == "wait") fits = value == "0" || value == "1", route.waits = value == "1";
        if (!fits) return std::string(key);
    }
    return "";
}

// The target of one route; nothing where the path is none. `is_post` is set for what wants POST.
std::optional<Route> find(std::string_view path, bool& is_post) {
    Route route;
    is_post = false;
    for (const auto& [text, page] : plain)
        if (path == text) return route.page = page, route;
    constexpr std::string_view health = "/health/", vassals = "/api/v1/vassals/";
    const bool is_health = path.starts_with(health);
    if (!is_health && !path.starts_with(vassals)) {
        if (path.starts_with("/api/")) return std::nullopt;
        route.name = path == "/" ? "/index.html" : std::string(path);
        return route;
    }
    path.remove_prefix(is_health ? health.size() : vassals.size());
    const std::string_view name = path.substr(0, path.find('/'));
    if (!common::config::is_valid_name(std::string(name))) return std::nullopt;
    route.name = name;
    path.remove_prefix(name.size());
    if (is_health) return route.page = Page::health, path.empty() ? std::optional(route) : std::nullopt;
    for (const auto& [text, page] : of_vassal)
        if (path == text) return route.page = page, route;
    if (std::ranges::find(operations, path) == operations.end()) return std::nullopt;
    is_post = true;
    route.page = Page::operation;
    route.operation = path.substr(1);
    return route;
}

}  // namespace

Routing route_of(std::string_view method, std::string_view target) {
    const std::string_view path = target.substr(0, target.find('?'));
    const std::string_view query = path.size() < target.size() ? target.substr(path.size() + 1) : std::string_view();
    bool is_post = false;
    std::optional<Route> route = find(path, is_post);
    if (!route) return {{}, {404, "not found"}};
    const bool is_get = method == "GET" || method == "HEAD";
    if (is_post ? method != "POST" : !is_get) return {{}, {405, "method not allowed", is_post ? "POST" : "GET, HEAD"}};
    if (const std::string bad = read_query(query, *route); !bad.empty())
        return {{}, {400, "parameter '" + bad + "' has a value that it cannot have"}};
    return {std::move(route), {}};
}

Need need_of(Page page) noexcept {
    switch (page) {
        case Page::asset: return Need::page;
        case Page::livez:
        case Page::readyz:
        case Page::health: return Need::nothing;
        case Page::operation: return Need::act;
        case Page::metrics:
        case Page::fleet:
        case Page::rows:
        case Page::rates:
        case Page::stream:
        case Page::events:
        case Page::vassal:
        case Page::show:
        case Page::why:
        case Page::logs:
        case Page::config:
        case Page::series:
        case Page::vassal_stream: return Need::read;
    }
    return Need::act;
}

}  // namespace emperor::web
