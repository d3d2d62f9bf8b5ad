// SPDX-License-Identifier: Apache-2.0
// nginx print: asks the stats sockets and writes what nginx_config.h makes of them.
#include <fnmatch.h>

#include <algorithm>

#include "common/base/nearest.h"
#include "emperor/ctl/commands.h"
#include "emperor/ctl/fetch.h"
#include "emperor/ctl/nginx_config.h"
#include "emperor/ctl/text.h"

namespace emperor::ctl {

namespace {

constexpr std::size_t most_names = 3;

Answer<std::vector<Box>> ask_boxes(const Context& context, const std::vector<std::string>& addresses) {
    std::vector<std::string> asked = addresses;
    if (asked.empty()) asked.push_back(context.runtime_dir + "/stats.sock");
    std::vector<Box> boxes;
    for (const std::string& text : asked) {
        const auto address = common::net::parse_address(text);
        if (!address) return CallError{ExitCode::usage, address.error().message(), {}, {}};
        auto document = fetch_stats(*address, context.deadline(query_timeout));
        if (auto* error = std::get_if<CallError>(&document)) return std::move(*error);
        boxes.push_back({text, *address, std::move(std::get<Json>(document))});
    }
    return boxes;
}

// Those that were asked for, in the order of the documents.
Answer<std::vector<std::string>> select(const std::vector<std::string>& names, const std::vector<std::string>& wanted) {
    const auto is_match = [](const std::string& name, const std::string& given) {
        return ::fnmatch(given.c_str(), name.c_str(), 0) == 0;
    };
    for (const std::string& given : wanted) {
        if (std::ranges::any_of(names, [&](const std::string& name) { return is_match(name, given); })) continue;
        return CallError{ExitCode::no_such_app, "no such app: '" + given + "'",
                         common::nearest(given, names, most_names, true), {}};
    }
    std::vector<std::string> selected;
    for (const std::string& name : names) {
        const auto is_this = [&](const std::string& given) { return is_match(name, given); };
        const bool is_wanted = wanted.empty() || std::ranges::any_of(wanted, is_this);
        if (is_wanted) selected.push_back(name);
    }
    return selected;
}

Json to_json(const std::vector<NginxApp>& apps) {
    Json list = Json::array();
    for (const NginxApp& app : apps) {
        Json servers = Json::array();
        for (const NginxServer& server : app.servers)
            servers.push_back(
                {{"address", server.address}, {"box", server.box}, {"state", server.state}, {"weight", server.weight}});
        list.push_back({{"name", app.name}, {"upstream", app.upstream},
                        {"protocol", common::net::name_of(app.protocol)}, {"hosts", app.hosts},
                        {"servers", std::move(servers)}, {"notes", app.notes}});
    }
    return {{"apps", std::move(list)}};
}

}  // namespace

int nginx_print(const Context& context, const NginxOptions& options) {
    std::vector<std::string> listen = options.listen;
    if (listen.empty()) listen = {"80", "[::]:80"};
    for (const std::string& where : listen)
        if (!is_listen_argument(where))
            return report(context,
                          {ExitCode::usage, "--listen " + where + ": expected a port or ADDRESS:PORT", {}, {}});
    auto boxes = ask_boxes(context, options.boxes);
    if (const auto* error = std::get_if<CallError>(&boxes)) return report(context, *error);
    const auto& asked = std::get<std::vector<Box>>(boxes);
    const auto names = select(app_names_in(asked), options.apps);
    if (const auto* error = std::get_if<CallError>(&names)) return report(context, *error);
    std::vector<NginxApp> apps;
    for (const std::string& name : std::get<std::vector<std::string>>(names)) apps.push_back(nginx_app(name, asked));
    if (context.output == Output::json) context.out << to_json(apps).dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    else context.out << nginx_text(apps, listen);
    for (const NginxApp& app : apps)
        for (const std::string& note : app.notes) context.err << "emperorctl: " << app.name << ": " << harmless(note) << "\n";
    return exit_with(ExitCode::done);
}

}  // namespace emperor::ctl
