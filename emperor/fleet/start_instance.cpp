// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>

#include "common/log/log.h"
#include "emperor/fleet/instance.h"
#include "emperor/process/unix_listener.h"

extern char** environ;

namespace emperor::fleet {

namespace link = common::link;
using common::Result;
using common::UniqueFd;

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

// A listening socket that the master keeps for the next emperor. It lies in the emperor's own 0700 directory: nobody
// else can connect, whoever accepts.
Result<UniqueFd> open_rendezvous(const std::string& path) {
    const auto directory = process::open_directory_of(path);
    if (!directory) return directory.error();
    const std::string name = process::base_name(path);
    const std::string reached = "/proc/self/fd/" + std::to_string(directory->get()) + "/" + name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (reached.size() >= sizeof address.sun_path) return common::failure("rendezvous socket: name too long");
    std::memcpy(address.sun_path, reached.data(), reached.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return common::system_error("rendezvous socket");
    ::unlinkat(directory->get(), name.c_str(), 0);  // of a generation long gone
    const mode_t before = ::umask(0177);
    const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int number = errno;
    ::umask(before);
    if (bound != 0) return common::system_error("bind " + path, number);
    if (::listen(fd.get(), 4) != 0) return common::system_error("listen " + path);
    return fd;
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

std::string rendezvous_path(const FleetOptions& options, const std::string& name, supervise::Generation generation) {
    return options.directory_of(name) + "/rendezvous-" + std::to_string(generation) + ".sock";
}

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
