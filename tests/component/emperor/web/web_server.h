// SPDX-License-Identifier: Apache-2.0
// A dashboard's server over a fleet that is none, on a unix socket, for component tests.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "emperor/control/server.h"
#include "emperor/stats/server.h"
#include "emperor/web/server.h"
#include "tests/component/emperor/control/socket_client.h"
#include "tests/unit/emperor/control/fake_fleet.h"

namespace emperor::web {

using Json = nlohmann::json;
using namespace std::chrono_literals;
using testing::run_until;
using testing::SocketClient;

inline const std::string token = "0123456789abcdef0123";
inline const std::string bearer = "Authorization: Bearer " + token + "\r\n";

struct WebServer : ::testing::Test {
    boost::asio::io_context io;
    testing::FakeFleet fleet;
    testing::TemporaryDirectory directory;
    std::string path = directory.path() + "/web.sock";
    bool is_ready = true;
    std::unique_ptr<control::Server> control;
    std::unique_ptr<stats::Server> stats;
    std::unique_ptr<Server> server;

    void start(Limits limits = {}) {
        testing::FakeFleet::serve(fleet.add("shop"), 0, ::getpid(), 5);
        control::Options control_options;
        control_options.path = directory.path() + "/control.sock";
        control = std::make_unique<control::Server>(io, fleet, control_options, [](auto) {});
        ASSERT_TRUE(control->start());
        stats::Options stats_options;
        stats_options.runtime_dir = directory.path();
        stats_options.freshness = 0ms;
        stats_options.keeps_series = true;
        stats = std::make_unique<stats::Server>(io, fleet, stats_options);
        ASSERT_TRUE(stats->start());
        Options options;
        options.address.path = path;
        options.policy.token = token;
        options.limits = limits;
        options.is_ready = [this] { return is_ready; };
        server = std::make_unique<Server>(io, fleet, *control, *stats, options);
        const auto started = server->start();
        ASSERT_TRUE(started) << started.error().message();
    }
    // One request of a connection of its own: the whole answer.
    std::string ask(const std::string& method, const std::string& target, const std::string& headers = "",
                    const std::string& body = "") {
        SocketClient client(io, path);
        client.write(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers +
                     (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body);
        return client.read_all();
    }
    static std::string status_of(const std::string& answer) { return answer.size() > 12 ? answer.substr(9, 3) : "none"; }
    static Json body_of(const std::string& answer) { return Json::parse(answer.substr(answer.find("\r\n\r\n") + 4)); }
};

}  // namespace emperor::web
