// SPDX-License-Identifier: Apache-2.0
#include "vassal/listeners.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>

#include "vassal/protocol/protocol.h"

namespace vassal {

namespace {

using common::Error;
using common::failure;
using common::Result;
using common::UniqueFd;
using common::net::Address;

constexpr int stream_socket = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

int backlog(const common::config::SocketConfig& config) {
    if (config.backlog > 0) return config.backlog;
    int somaxconn = 0;
    std::ifstream("/proc/sys/net/core/somaxconn") >> somaxconn;
    return somaxconn > 0 ? somaxconn : SOMAXCONN;
}

Result<UniqueFd> bind_tcp(const Address& address) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    // ":80" is every interface: one socket for both families where the machine has IPv6.
    const bool is_everywhere = address.host.empty();
    addrinfo* found = nullptr;
    const std::string port = std::to_string(address.port);
    const int error = ::getaddrinfo(is_everywhere ? nullptr : address.host.c_str(), port.c_str(), &hints, &found);
    if (error != 0)
        return failure(std::string("resolve ").append(address.host).append(": ").append(::gai_strerror(error)));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
    Error last = failure("no address");
    for (const int family : {AF_INET6, AF_INET})
        for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
            if (each->ai_family != family) continue;
            UniqueFd fd(::socket(family, stream_socket, 0));
            const int on = 1, v6_only = is_everywhere ? 0 : 1;
            if (fd) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            if (fd && family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
            if (fd && ::bind(fd.get(), each->ai_addr, each->ai_addrlen) == 0) return fd;
            last = common::system_error("bind " + address.text());
        }
    return last;
}

bool is_somebody_listening(const sockaddr_un& name, socklen_t size) {
    const UniqueFd probe(::socket(AF_UNIX, stream_socket, 0));
    return probe && (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&name), size) == 0 || errno == EAGAIN);
}

Result<UniqueFd> bind_unix(const Address& address, mode_t mode) {
    const bool is_path = address.kind == Address::Kind::unix_path;
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (address.path.size() + 1 > sizeof name.sun_path)
        return failure("bind " + address.text() + ": the path is too long for a unix socket");
    std::memcpy(name.sun_path + (is_path ? 0 : 1), address.path.data(), address.path.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.path.size() + 1);

    struct stat existing {};
    if (is_path && ::lstat(address.path.c_str(), &existing) == 0) {
        if (!S_ISSOCK(existing.st_mode))
            return failure("bind " + address.text() + ": a file of that name is in the way");
        if (is_somebody_listening(name, size)) return common::system_error("bind " + address.text(), EADDRINUSE);
        ::unlink(address.path.c_str());  // left behind by a process that is gone
    }
    UniqueFd fd(::socket(AF_UNIX, stream_socket, 0));
    if (!fd) return common::system_error("create a socket");
    if (is_path) ::fchmod(fd.get(), mode);  // Linux gives a bound file the socket's mode: never wider, not for a moment
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), size) != 0)
        return common::system_error("bind " + address.text());
    if (is_path && ::chmod(address.path.c_str(), mode) != 0)
        return common::system_error("set the mode of " + address.path);
    return fd;
}

std::uint16_t bound_port(int fd) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return 0;
    if (name.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(name).sin_port);
    return ntohs(reinterpret_cast<const sockaddr_in6&>(name).sin6_port);
}

}  // namespace

Result<master::Listener> open_listener(const common::net::ListenAddress& address,
                                       const common::config::SocketConfig& config) {
    const bool is_tcp = address.address.kind == Address::Kind::tcp;
    auto fd = is_tcp ? bind_tcp(address.address) : bind_unix(address.address, static_cast<mode_t>(config.mode));
    if (!fd) return fd.error();
    if (::listen(fd->get(), backlog(config)) != 0) return common::system_error("listen on " + address.text());
    master::Listener listener{std::move(*fd), address};
    if (is_tcp) listener.address.address.port = bound_port(listener.fd.get());
    return listener;
}

void SocketFiles::add(const common::net::ListenAddress& address) {
    if (address.address.kind != Address::Kind::unix_path) return;
    struct stat info {};
    if (::lstat(address.address.path.c_str(), &info) == 0)
        files_.push_back({address.address.path, info.st_dev, info.st_ino});
}

SocketFiles::~SocketFiles() {
    for (const File& file : files_) {
        struct stat now {};
        // Somebody else's by now, if it is another one.
        if (::lstat(file.path.c_str(), &now) == 0 && now.st_dev == file.device && now.st_ino == file.inode)
            ::unlink(file.path.c_str());
    }
}

}  // namespace vassal
