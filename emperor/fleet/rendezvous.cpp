// SPDX-License-Identifier: Apache-2.0
#include "emperor/fleet/rendezvous.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "common/link/channel.h"
#include "emperor/process/unix_listener.h"

namespace emperor::fleet {

using common::Result;
using common::UniqueFd;

namespace {

// A socket that is neither bound nor connected yet, and where: the address goes through the directory's descriptor.
struct Endpoint {
    UniqueFd directory;
    std::string name;
    sockaddr_un address{};
    UniqueFd fd{};

    [[nodiscard]] const sockaddr* where() const noexcept { return reinterpret_cast<const sockaddr*>(&address); }
};

Result<Endpoint> endpoint_of(const std::string& path) {
    auto directory = process::open_directory_of(path);
    if (!directory) return directory.error();
    Endpoint endpoint{.directory = std::move(*directory), .name = process::base_name(path)};
    const auto address = process::address_of(endpoint.directory.get(), endpoint.name, path);
    if (!address) return address.error();
    endpoint.address = *address;
    endpoint.fd.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!endpoint.fd) return common::system_error("rendezvous socket");
    return endpoint;
}

// The peer's credentials of a connection are those of whoever called listen(2).
Result<void> check_maker(int fd, const std::string& path) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return common::system_error("ask who made " + path);
    if (peer.uid == ::geteuid()) return {};
    return common::failure(path + " was made by uid " + std::to_string(peer.uid) + ", not by an emperor: an impostor");
}

}  // namespace

std::string rendezvous_path(const FleetOptions& options, const std::string& name, supervise::Generation generation) {
    return options.directory_of(name) + "/rendezvous-" + std::to_string(generation) + ".sock";
}

Result<UniqueFd> open_rendezvous(const std::string& path) {
    auto endpoint = endpoint_of(path);
    if (!endpoint) return endpoint.error();
    ::unlinkat(endpoint->directory.get(), endpoint->name.c_str(), 0);
    const mode_t before = ::umask(0177);
    const int bound = ::bind(endpoint->fd.get(), endpoint->where(), sizeof endpoint->address);
    const int number = errno;
    ::umask(before);
    if (bound != 0) return common::system_error("bind " + path, number);
    if (::listen(endpoint->fd.get(), 4) != 0) return common::system_error("listen " + path);
    return std::move(endpoint->fd);
}

Result<UniqueFd> connect_rendezvous(const std::string& path) {
    auto endpoint = endpoint_of(path);
    if (!endpoint) return endpoint.error();
    UniqueFd& fd = endpoint->fd;
    if (::connect(fd.get(), endpoint->where(), sizeof endpoint->address) != 0) return common::system_error("connect " + path);
    if (const auto checked = check_maker(fd.get(), path); !checked) return checked.error();
    if (const auto named = common::link::name_senders(fd.get()); !named) return named.error();
    return std::move(fd);
}

}  // namespace emperor::fleet
