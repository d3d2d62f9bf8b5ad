// SPDX-License-Identifier: Apache-2.0
// What a request asks for: method and target as a value. Pure; the one place that knows the paths of docs/dashboard.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace emperor::web {

enum class Page {
    asset,          // a file of the page; `name` is its path
    livez, readyz, health,
    metrics, fleet, rows, rates, stream, events,
    vassal, show, why, logs, config, series, vassal_stream,
    operation,      // POST; `operation` says which
};

// What it takes.
enum class Need {
    nothing,  // what load balancers ask, under whatever Host
    page,     // the page's own files
    read,     // a token where reading needs one
    act,      // a token, always
};

struct Route {
    Page page = Page::asset;
    std::string name;       // of the app; the path of an asset
    std::string operation;  // "reload", "restart", "stop", "start", "rollback", "scale"
    std::int64_t lines = 200;         // ?lines=, 1 to 2000
    std::uint64_t since = 0;          // ?since=
    bool is_per_worker = false;       // ?per_worker=1
    bool waits = true;                // ?wait=0

    friend bool operator==(const Route&, const Route&) = default;
};

struct Refusal {
    int status = 404;
    std::string text;
    std::string allow = {};  // of 405: the methods that there are

    friend bool operator==(const Refusal&, const Refusal&) = default;
};

struct Routing {
    std::optional<Route> route;
    Refusal refusal;  // where there is none
};

// `target` as in the request line. A name needs no percent signs; anything but a valid name is 404.
[[nodiscard]] Routing route_of(std::string_view method, std::string_view target);

[[nodiscard]] Need need_of(Page page) noexcept;

}  // namespace emperor::web
