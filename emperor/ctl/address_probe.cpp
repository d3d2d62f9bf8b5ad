// SPDX-License-Identifier: Apache-2.0
// Is an address taken? A question to the kernel: unix sockets are connected to, TCP ports are bound for a moment.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "common/base/unique_fd.h"
#include "emperor/ctl/check.h"

namespace emperor::ctl {

using common::net::Address;

namespace {

bool is_unix_taken(const Address& address) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const bool is_abstract = address.kind == Address::Kind::unix_abstract;
    common::UniqueFd directory;
    std::string path = address.path;
    if (!is_abstract && path.size() >= sizeof name.sun_path) {
        const auto slash = path.rfind('/');
        directory.reset(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        path = "/proc/self/fd/" + std::to_string(directory.get()) + path.substr(slash);
    }
    if (path.size() + 1 >= sizeof name.sun_path) return false;
    std::memcpy(name.sun_path + (is_abstract ? 1 : 0), path.data(), path.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    const common::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), size) == 0 || errno == EAGAIN;
}

bool is_tcp_taken(const Address& address) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (::getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(), std::to_string(address.port).c_str(), &hints,
                      &found) != 0)
        return false;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
    for (const addrinfo* one = list.get(); one; one = one->ai_next) {
        const common::UniqueFd fd(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const int yes = 1;
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);  // TIME_WAIT is not "in use"
        if (one->ai_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
        if (fd && ::bind(fd.get(), one->ai_addr, one->ai_addrlen) != 0 && errno == EADDRINUSE) return true;
    }
    return false;
}

}  // namespace

bool is_listened_on(const Address& address) {
    if (address.kind == Address::Kind::tcp) return address.port != 0 && is_tcp_taken(address);
    return is_unix_taken(address);
}

}  // namespace emperor::ctl
