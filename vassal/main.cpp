// SPDX-License-Identifier: Apache-2.0
// `vassal`: the master of one generation, and by fork its mold and workers. Started by an emperor (--link), or alone.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "vassal/check_import.h"
#include "vassal/master/fork_loop.h"
#include "vassal/mold/mold.h"
#include "vassal/mold/worker_main.h"
#include "vassal/options.h"
#include "vassal/process_title.h"
#include "vassal/standalone.h"

namespace {

vassal::worker::WorkerListener worker_listener(const vassal::master::Listener& listener) {
    const auto& address = listener.address.address;
    vassal::worker::WorkerListener result;
    result.fd = listener.fd.get();
    result.protocol = listener.address.protocol;
    const bool is_tcp = address.kind == common::net::Address::Kind::tcp;
    result.server_name = is_tcp && !address.host.empty() ? address.host : "localhost";
    result.server_port = is_tcp ? std::to_string(address.port) : "80";
    return result;
}

vassal::mold::Shop shop_of(const vassal::master::Generation& generation, const vassal::ProcessTitle& title) {
    vassal::mold::Shop shop;
    shop.name = generation.name;
    shop.generation = generation.number;
    shop.config = &generation.config;
    shop.environment = &generation.environment;
    shop.is_dev = generation.is_dev;
    shop.venv = generation.venv;
    shop.python_path = generation.python_path;
    for (const auto& listener : generation.listeners) shop.listeners.push_back(worker_listener(listener));
    if (!generation.site.is_empty()) shop.site = &generation.site;
    shop.board = generation.scoreboard ? &generation.scoreboard.board() : nullptr;
    shop.bank = generation.bank;
    shop.access_rings = generation.access_rings.get();
    shop.activity = generation.activity ? &*generation.activity : nullptr;
    shop.set_title = [&title, name = generation.name](std::string_view role) {
        title.set(std::string("vassal: ").append(name).append(" ").append(role));
    };
    shop.start_interpreter = vassal::python::start_interpreter;
    shop.run_worker = vassal::worker::run_worker;
    return shop;
}

int run(int argc, char** argv) {
    const auto parsed = vassal::parse_options(argc, argv);
    if (!parsed.options) return parsed.exit_code;
    const vassal::ProcessTitle title(argc, argv);

    vassal::SocketFiles files;
    vassal::master::MasterOptions options;
    if (parsed.options->link >= 0) {
        // The emperor named a descriptor; whatever it inherited, our children must not.
        if (::fcntl(parsed.options->link, F_SETFD, FD_CLOEXEC) != 0) {
            std::fprintf(stderr, "vassal: --link=%d is not an open descriptor\n", parsed.options->link);
            return 2;
        }
        ::fcntl(parsed.options->link, F_SETFL, O_NONBLOCK);
        if (parsed.options->only_imports)
            ::_exit(vassal::check_import(parsed.options->link, [&title](const vassal::master::Generation& generation) {
                return shop_of(generation, title);
            }));
        options.link = common::UniqueFd(parsed.options->link);
    } else {
        auto setup = vassal::set_up_standalone(*parsed.options, files);
        if (!setup.generation) return setup.exit_code;
        std::vector<common::net::ListenAddress> addresses;
        for (const auto& listener : setup.generation->listeners) addresses.push_back(listener.address);
        options.standalone = std::move(setup.generation);
        options.observer = [addresses](const auto& message) { vassal::print_event(message, addresses); };
    }
    options.on_begin = [&title](const vassal::master::Generation& generation) {
        title.set("vassal: " + generation.name + " master");
    };

    options.on_hold = [&title](const std::string& name) { title.set("vassal: " + name + " hold"); };

    vassal::master::Master master(std::move(options));
    vassal::master::Roles roles;
    roles.worker = [&title](const vassal::master::Child& child) {
        return vassal::mold::worker_main(shop_of(child.generation, title), {child.worker, child.lane, child.link});
    };
    roles.mold = [&title](const vassal::master::Child& child) {
        return vassal::mold::mold_main(shop_of(child.generation, title), child.link);
    };
    return fork_loop(master, roles);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "vassal: %s\n", error.what());
        return 1;
    }
}
