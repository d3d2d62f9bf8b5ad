// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/log/log.h"
#include "emperor/fleet/instance.h"
#include "emperor/fleet/rendezvous.h"

extern char** environ;

namespace emperor::fleet {

namespace link = common::link;
using common::Result;

namespace {

// What a master inherits: it builds the app's clean environment itself, from these and the configuration. Options of
// sanitizers are for debugging builds.
std::vector<std::string> master_environment() {
    static constexpr std::string_view names[] = {"PATH=", "LANG=", "LC_", "TZ=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=",
                                                 "LSAN_OPTIONS=", "TSAN_OPTIONS=", "EMPEROR_JOURNAL_SOCKET="};
    std::vector<std::string> out;
    for (char** item = environ; item && *item; ++item) {
        for (const std::string_view name : names) {
            if (std::string_view(*item).starts_with(name)) out.emplace_back(*item);
        }
        // log.journal: auto. To those that cannot look at the emperor's log themselves.
        if (std::string_view(*item).starts_with("JOURNAL_STREAM=") && common::log::is_journal()) out.emplace_back(*item);
    }
    return out;
}

link::Start start_message(const StartRequest& request) {
    const Deployment& deployment = *request.launch->deployment;
    link::Start start;
    start.name = request.name;
    start.generation = request.generation;
    start.bank = request.bank;
    start.config = *deployment.effective->values;
    start.identity = deployment.identity;
    for (const auto& listener : request.launch->listeners) start.listeners.push_back(listener->address().text());
    return start;
}

}  // namespace

process::SpawnRequest vassal_program(const FleetOptions& options, const common::config::Identity& identity, int link) {
    process::SpawnRequest spawn;
    spawn.program = options.vassal_program;
    spawn.arguments = {"vassal", "--link=3"};
    spawn.environment = master_environment();
    spawn.directory = "/";
    spawn.fds = {link};
    spawn.open_files = options.open_files;
    // What a master says goes over its channels. With the descriptor of the emperor's log a tenant's processes could
    // write lines of their own into it, or empty it.
    spawn.is_silent = identity.uid != ::geteuid();
    if (::geteuid() == 0) spawn.identity = identity;
    return spawn;
}

Result<InstanceParts> start_instance(const FleetOptions& options, const StartRequest& request) {
    const std::string directory = options.directory_of(request.name);
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return common::system_error("create " + directory);
    auto link_ends = link::make_channel();
    if (!link_ends) return link_ends.error();
    auto log_ends = link::make_channel();
    if (!log_ends) return log_ends.error();
    const std::string path = rendezvous_path(options, request.name, request.generation);
    const auto rendezvous = open_rendezvous(path);
    if (!rendezvous) return rendezvous.error();

    // The first message waits in the socket before the process exists: if it cannot be sent, nothing was started.
    std::vector<int> fds;
    for (const auto& listener : request.launch->listeners) fds.push_back(listener->fd());
    fds.insert(fds.end(), {request.scoreboard, log_ends->second.get(), rendezvous->get()});
    if (const auto sent = link::send(link_ends->first.get(), link::encode(link::EmperorMessage(start_message(request))), fds);
        !sent) {
        ::unlink(path.c_str());
        return common::failure("send start: " + sent.error().message());
    }

    auto process = process::spawn(vassal_program(options, request.launch->deployment->identity, link_ends->second.get()));
    if (!process) {
        ::unlink(path.c_str());
        return process.error();
    }
    InstanceParts parts;
    parts.generation = request.generation;
    parts.bank = request.bank;
    parts.launch = request.launch;
    parts.process = std::move(*process);
    parts.link = std::move(link_ends->first);
    parts.log = std::move(log_ends->first);
    parts.started_us = epoch_us();
    return parts;
}

}  // namespace emperor::fleet
