// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/nginx_config.h"

#include <sys/un.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/config/decode.h"
#include "common/config/host_name.h"
#include "common/config/source_text.h"

namespace emperor::ctl {

using common::net::Address;
using common::net::ListenAddress;
using common::net::Protocol;

namespace {

bool is_word_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-/:@%+,=[]").find(c) != std::string_view::npos;
}

bool is_loopback(std::string_view host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }
bool is_every_interface(std::string_view host) { return host.empty() || host == "0.0.0.0" || host == "::"; }

// Members of a document that may say anything.
std::string text_in(const Json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const Json& list_in(const Json& object, const char* key) {
    static const Json none = Json::array();
    if (!object.is_object()) return none;
    const auto found = object.find(key);
    return found != object.end() && found->is_array() ? *found : none;
}

const Json* app_in(const Box& box, const std::string& name) {
    for (const Json& vassal : list_in(box.document, "vassals"))
        if (text_in(vassal, "name") == name) return &vassal;
    return nullptr;
}

struct Reached {
    Protocol protocol;
    std::string address;
};

// How nginx gets to an endpoint; nothing where it cannot, and why.
std::optional<std::string> way_to(const Address& address, const Box& box, std::string& why_not) {
    const bool is_here = box.address.kind != Address::Kind::tcp;
    switch (address.kind) {
        case Address::Kind::unix_abstract: why_not = "nginx knows no abstract sockets"; return std::nullopt;
        case Address::Kind::unix_path:
            if (!is_here) why_not = "a unix socket of another machine";
            else if (address.path.size() >= sizeof(sockaddr_un::sun_path)) why_not = "the path is too long for nginx";
            else return "unix:" + address.path;
            return std::nullopt;
        case Address::Kind::tcp: break;
    }
    Address reached = address;
    if (is_every_interface(address.host)) reached.host = is_here ? "127.0.0.1" : box.address.host;
    else if (is_loopback(address.host) && !is_here && !is_loopback(box.address.host))
        why_not = "a loopback address of another machine";
    if (address.port == 0) why_not = "its port is not known";
    return why_not.empty() ? std::optional(reached.text()) : std::nullopt;
}

std::vector<Reached> ways_to(const Json& vassal, const Box& box, std::vector<std::string>& notes) {
    std::vector<Reached> ways;
    for (const Json& endpoint : list_in(vassal, "endpoints")) {
        const std::string text = text_in(endpoint, "protocol") + ":" + text_in(endpoint, "address");
        const auto listener = common::net::parse_listen_address(text);
        const bool is_clean = common::config::printable(text, text.size()) == text;
        std::string why_not = listener && is_clean ? "" : "not an address";
        const auto address = why_not.empty() ? way_to(listener->address, box, why_not) : std::nullopt;
        if (address) ways.push_back({listener->protocol, *address});
        else notes.push_back(box.name + ": " + text + " left out: " + why_not);
    }
    return ways;
}

void add_hosts(const Json& vassal, const Box& box, NginxApp& app) {
    for (const Json& item : list_in(vassal, "hosts")) {
        const std::string host = item.is_string() ? common::config::canonical_host_name(item.get<std::string>()) : "";
        if (common::config::check_host_name(host)) app.notes.push_back(box.name + ": a host name left out: " + host);
        else if (std::ranges::find(app.hosts, host) == app.hosts.end()) app.hosts.push_back(host);
    }
}

struct Found {
    const Box* box;
    const Json* vassal;
    std::vector<Reached> ways;
};

std::optional<Protocol> common_protocol(const std::vector<Found>& found) {
    std::optional<Protocol> first;
    for (const Found& one : found)
        for (const Reached& way : one.ways) {
            if (!first) first = way.protocol;
            const bool is_everywhere = std::ranges::all_of(found, [&](const Found& other) {
                return std::ranges::any_of(other.ways, [&](const Reached& its) { return its.protocol == way.protocol; });
            });
            if (is_everywhere) return way.protocol;
        }
    return first;
}

std::string comment(std::string_view text) { return "# " + common::config::printable(text, 400) + "\n"; }

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return text;
}

// nginx does not tell "emperor_Shop" from "emperor_shop" and refuses the whole file: where two names differ in nothing
// but case, both say which of their letters are large (no name of an app has a '+').
std::string upstream_name(const std::string& name, const std::vector<Box>& boxes) {
    const std::string plain = lower(name);
    for (const Box& box : boxes)
        for (const Json& vassal : list_in(box.document, "vassals")) {
            const std::string other = text_in(vassal, "name");
            if (other == name || !common::config::is_valid_name(other) || lower(other) != plain) continue;
            std::string large;
            for (std::size_t at = 0; at < name.size(); ++at)
                if (name[at] != plain[at]) large += "+" + std::to_string(at);
            return "emperor_" + plain + (large.empty() ? "+" : large);
        }
    return "emperor_" + name;
}

std::string upstream_of(const NginxApp& app) {
    const bool is_alone = app.servers.size() == 1;
    const bool has_any = std::ranges::any_of(app.servers, [](const NginxServer& one) { return one.weight > 0; });
    std::string text = "upstream " + app.upstream + " {\n";
    for (const NginxServer& server : app.servers) {
        text += "    server " + nginx_word(server.address);
        // With one server there is nobody else to turn to: its socket is open as long as the app is not stopped.
        if (is_alone) text += " max_fails=0";
        else text += " weight=" + std::to_string(std::max(1, server.weight)) + (server.weight == 0 && has_any ? " down" : "");
        text += ";  " + comment(server.box + (server.state.empty() ? "" : ", " + server.state));
    }
    return text + "}\n";
}

std::string pass_of(const NginxApp& app) {
    const std::string indent(8, ' '), &to = app.upstream;
    if (app.protocol == Protocol::http)
        return indent + "proxy_pass http://" + to + ";\n" + indent + "proxy_set_header Host $http_host;\n" + indent +
               "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n" + indent +
               "proxy_set_header X-Forwarded-Proto $scheme;\n" + indent + "proxy_set_header X-Request-Start \"t=$msec\";\n" +
               indent + "proxy_read_timeout 65s;\n";
    const std::string name(common::net::name_of(app.protocol));
    return indent + "include " + name + "_params;\n" + indent + name + "_pass " + to + ";\n" + indent + name +
           "_param HTTP_X_REQUEST_START \"t=$msec\";\n" + indent + name + "_read_timeout 65s;\n";
}

std::string server_of(const NginxApp& app, const std::vector<std::string>& listen) {
    std::string text = "server {\n";
    for (const std::string& where : listen) text += "    listen " + where + ";\n";
    text += "    server_name";
    for (const std::string& host : app.hosts) text += " " + nginx_word(host);
    return text + ";\n    client_max_body_size 20m;\n\n    location / {\n" + pass_of(app) + "    }\n}\n";
}

}  // namespace

std::string nginx_word(std::string_view text) {
    if (!text.empty() && std::ranges::all_of(text, is_word_character)) return std::string(text);
    std::string word = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') word += '\\';
        word += c;
    }
    return word + "\"";
}

bool is_listen_argument(std::string_view text) {
    return !text.empty() && text.front() != ' ' &&
           std::ranges::all_of(text, [](char c) { return c == ' ' || is_word_character(c) || c == '*'; });
}

std::vector<std::string> app_names_in(const std::vector<Box>& boxes) {
    std::vector<std::string> names;
    for (const Box& box : boxes)
        for (const Json& vassal : list_in(box.document, "vassals")) {
            const std::string name = text_in(vassal, "name");
            if (common::config::is_valid_name(name) && std::ranges::find(names, name) == names.end()) names.push_back(name);
        }
    return names;
}

NginxApp nginx_app(const std::string& name, const std::vector<Box>& boxes) {
    NginxApp app;
    app.name = name;
    app.upstream = upstream_name(name, boxes);
    std::vector<Found> found;
    for (const Box& box : boxes) {
        const Json* vassal = app_in(box, name);
        if (vassal == nullptr) continue;
        add_hosts(*vassal, box, app);
        std::vector<Reached> ways = ways_to(*vassal, box, app.notes);
        if (!ways.empty()) found.push_back({&box, vassal, std::move(ways)});
        else app.notes.push_back(box.name + ": left out, nginx cannot reach it there (" + text_in(*vassal, "state") + ")");
    }
    const std::optional<Protocol> protocol = common_protocol(found);
    app.protocol = protocol.value_or(Protocol::uwsgi);
    for (const Found& one : found) {
        const auto way = std::ranges::find(one.ways, app.protocol, &Reached::protocol);
        if (way == one.ways.end()) {
            app.notes.push_back(one.box->name + ": left out, it does not speak " +
                                std::string(common::net::name_of(app.protocol)));
            continue;
        }
        const auto weight = one.vassal->find("weight");
        const int known = weight != one.vassal->end() && weight->is_number_integer() ? std::clamp(weight->get<int>(), 0, 100) : 0;
        app.servers.push_back({way->address, one.box->name, text_in(*one.vassal, "state"), known});
    }
    return app;
}

std::string nginx_text(const std::vector<NginxApp>& apps, const std::vector<std::string>& listen) {
    std::string text = "# Written by `emperorctl nginx print`. It belongs into nginx's http block; nginx -t checks it.\n";
    std::set<std::string> taken;
    for (const NginxApp& app : apps) {
        text += "\n" + comment(app.name);
        for (const std::string& note : app.notes) text += comment(note);
        if (app.servers.empty()) {
            text += comment("no block: there is no socket that nginx could connect to");
            continue;
        }
        text += upstream_of(app);
        NginxApp shown = app;
        std::erase_if(shown.hosts, [&](const std::string& host) { return !taken.insert(host).second; });
        if (shown.hosts.size() < app.hosts.size()) text += comment("its other host names are those of an app above");
        if (shown.hosts.empty())
            text += comment("no server block: no host name (`hosts` in its file). In one of yours: " +
                            std::string(app.protocol == Protocol::http
                                            ? "proxy_pass http://"
                                            : std::string(common::net::name_of(app.protocol)) + "_pass ") +
                            app.upstream + ";");
        else text += server_of(shown, listen);
    }
    return text;
}

}  // namespace emperor::ctl
