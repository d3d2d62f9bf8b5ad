// SPDX-License-Identifier: Apache-2.0
#include "emperor/process/inherited.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "common/log/log.h"
#include "emperor/process/listeners.h"

namespace emperor::process {

namespace log = common::log;
using common::UniqueFd;
using common::net::Address;

namespace {

bool is_bound_to_host(const sockaddr_storage& bound, const Address& address) {
    if (bound.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(bound);
        in_addr wanted{};
        const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host.empty() ? "0.0.0.0" : address.host;
        return ntohs(v4.sin_port) == address.port && ::inet_pton(AF_INET, host.c_str(), &wanted) == 1 &&
               wanted.s_addr == v4.sin_addr.s_addr;
    }
    if (bound.ss_family != AF_INET6) return false;
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(bound);
    in6_addr wanted{};
    const std::string host = address.host.empty() ? "::" : address.host;
    return ntohs(v6.sin6_port) == address.port && ::inet_pton(AF_INET6, host.c_str(), &wanted) == 1 &&
           std::memcmp(&wanted, &v6.sin6_addr, sizeof wanted) == 0;
}

bool is_bound_to(int fd, const Address& address) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return false;
    if (address.kind == Address::Kind::tcp) return is_bound_to_host(bound, address);
    if (bound.ss_family != AF_UNIX || size <= offsetof(sockaddr_un, sun_path)) return false;
    const auto& local = reinterpret_cast<const sockaddr_un&>(bound);
    std::string_view name(local.sun_path, size - offsetof(sockaddr_un, sun_path));
    if (address.kind == Address::Kind::unix_abstract) return name.front() == '\0' && name.substr(1) == address.path;
    return name.substr(0, name.find('\0')) == address.path;
}

std::string text_of(int fd) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return "?";
    char host[INET6_ADDRSTRLEN] = "";
    if (bound.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(bound);
        return std::string(::inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host)) + ":" + std::to_string(ntohs(v4.sin_port));
    }
    if (bound.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(bound);
        return "[" + std::string(::inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host)) +
               "]:" + std::to_string(ntohs(v6.sin6_port));
    }
    const auto& local = reinterpret_cast<const sockaddr_un&>(bound);
    if (local.sun_path[0] != '\0') return local.sun_path;
    const std::size_t head = offsetof(sockaddr_un, sun_path) + 1;
    return size > head ? "@" + std::string(local.sun_path + 1, size - head) : "?";
}

}  // namespace

InheritedSockets InheritedSockets::from_environment() {
    char** names = nullptr;
    // The environment stays: an upgrade in place reads it again.
    const int count = ::sd_listen_fds_with_names(0, &names);
    if (count < 0) log::warn("sockets of systemd not understood", {{"reason", std::strerror(-count)}});
    std::vector<Socket> sockets;
    for (int i = 0; i < count; ++i) {
        const int fd = SD_LISTEN_FDS_START + i;
        const std::string name = names && names[i] ? names[i] : "";
        if (::sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
            log::warn("socket of systemd not used", {{"name", name}, {"fd", fd}, {"reason", "it is no listening stream socket"}});
            ::close(fd);
            continue;
        }
        // Workers take what is there and never wait in accept.
        (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
        sockets.push_back({fd, name, socket_inode_of(fd), false});
    }
    for (int i = 0; names && names[i]; ++i) ::free(names[i]);
    ::free(names);
    return InheritedSockets(std::move(sockets));
}

InheritedSockets::Socket* InheritedSockets::find(const Address& address) const {
    const auto found = std::ranges::find_if(sockets_, [&](const Socket& each) { return is_bound_to(each.fd, address); });
    return found == sockets_.end() ? nullptr : &*found;
}

UniqueFd InheritedSockets::take(const Address& address, const std::string& name) const {
    Socket* found = find(address);
    if (!found || (!name.empty() && found->name != name)) return {};
    found->is_used = true;
    return UniqueFd(::fcntl(found->fd, F_DUPFD_CLOEXEC, 3));
}

std::string InheritedSockets::name_of(const Address& address) const {
    const Socket* found = find(address);
    return found ? found->name : "";
}

bool InheritedSockets::holds(std::uint64_t socket_inode) const {
    return std::ranges::any_of(sockets_, [&](const Socket& each) { return each.inode == socket_inode; });
}

std::vector<std::string> InheritedSockets::unused() const {
    std::vector<std::string> out;
    for (const Socket& each : sockets_) {
        if (!each.is_used) out.push_back(each.name + " " + text_of(each.fd));
    }
    return out;
}

void InheritedSockets::keep_over_exec() const {
    for (const Socket& each : sockets_) (void)::fcntl(each.fd, F_SETFD, 0);
}

bool is_for_service_manager(std::string_view environment_entry) noexcept {
    static constexpr std::string_view names[] = {"NOTIFY_SOCKET=", "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=",
                                                 "WATCHDOG_PID=", "WATCHDOG_USEC="};
    return std::ranges::any_of(names, [&](std::string_view name) { return environment_entry.starts_with(name); });
}

}  // namespace emperor::process
