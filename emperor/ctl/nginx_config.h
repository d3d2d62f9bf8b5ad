// SPDX-License-Identifier: Apache-2.0
// What `emperorctl nginx print` writes: from the fleet documents of one emperor or several (docs/stats.md), an upstream
// for each app and a server block for its host names. Pure. The documents may come from other machines: names, hosts
// and addresses in them are checked before they are written, and quoted as nginx reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/net/address.h"
#include "emperor/ctl/client.h"

namespace emperor::ctl {

// One emperor, and where its document came from.
struct Box {
    std::string name;              // the address of its stats, as given
    common::net::Address address;  // of its stats: a unix socket is this machine's
    Json document;
};

struct NginxServer {
    std::string address;  // as nginx has it: "unix:/run/emperor/sockets/shop.sock", "10.0.0.1:8000"
    std::string box;
    std::string state;
    int weight = 0;       // 0…100; 0: it serves nobody now

    friend bool operator==(const NginxServer&, const NginxServer&) = default;
};

struct NginxApp {
    std::string name;
    std::string upstream;  // "emperor_shop"
    common::net::Protocol protocol = common::net::Protocol::uwsgi;
    std::vector<std::string> hosts;
    std::vector<NginxServer> servers;
    std::vector<std::string> notes;  // what was left out, and why

    friend bool operator==(const NginxApp&, const NginxApp&) = default;
};

// Which apps there are, in the order of the documents; a name that is none is left out.
[[nodiscard]] std::vector<std::string> app_names_in(const std::vector<Box>& boxes);

// One protocol for each app: the first that all boxes which have the app can be reached by.
[[nodiscard]] NginxApp nginx_app(const std::string& name, const std::vector<Box>& boxes);

// `listen`: what stands behind `listen` in each server block, checked by is_listen_argument().
[[nodiscard]] std::string nginx_text(const std::vector<NginxApp>& apps, const std::vector<std::string>& listen);

// A port or an address with a port, perhaps with options: "80", "[::]:80", "443 ssl".
[[nodiscard]] bool is_listen_argument(std::string_view text);

// A word of nginx's configuration.
[[nodiscard]] std::string nginx_word(std::string_view text);

}  // namespace emperor::ctl
