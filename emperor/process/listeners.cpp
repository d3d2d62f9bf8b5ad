// SPDX-License-Identifier: Apache-2.0
#include "emperor/process/listeners.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <optional>

#include "emperor/process/act_as.h"
#include "emperor/process/unix_listener.h"

namespace emperor::process {

using common::Result;
using common::UniqueFd;
using common::net::Address;

namespace {

struct Resolved {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

struct AddressList {
    addrinfo* first = nullptr;
    ~AddressList() {
        if (first) ::freeaddrinfo(first);
    }
};

// Numeric hosts need no resolver. A name takes its first IPv4 address where it has one ("localhost" is what people
// reach as 127.0.0.1): one address of the file is one socket.
Result<Resolved> resolve(const Address& address) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_NUMERICHOST;
    const std::string port = std::to_string(address.port);
    const std::string host = address.host.empty() ? "::" : address.host;
    AddressList list;
    int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list.first);
    if (error == EAI_NONAME) {
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
        error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list.first);
    }
    if (error != 0) return common::failure("resolve " + address.host + ": " + ::gai_strerror(error));
    const addrinfo* chosen = list.first;
    for (const addrinfo* item = list.first; item; item = item->ai_next) {
        if (item->ai_family == AF_INET) {
            chosen = item;
            break;
        }
    }
    Resolved resolved;
    std::memcpy(&resolved.storage, chosen->ai_addr, chosen->ai_addrlen);
    resolved.size = chosen->ai_addrlen;
    return resolved;
}

int unprivileged_port_start() {
    int start = 1024;
    std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> start;
    return start;
}

Result<UniqueFd> bind_tcp(const Address& address, const Resolved& resolved) {
    UniqueFd fd(::socket(resolved.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return common::system_error("socket for " + address.text());
    const int on = 1;
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return common::system_error("SO_REUSEADDR on " + address.text());
    if (resolved.storage.ss_family == AF_INET6) {
        // ":80" is every interface of both families; "[::]:80" says IPv6 and means it.
        const int only = address.host.empty() ? 0 : 1;
        if (::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) != 0)
            return common::system_error("IPV6_V6ONLY on " + address.text());
    }
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&resolved.storage), resolved.size) != 0)
        return common::system_error("bind " + address.text());
    return fd;
}

Result<UniqueFd> open_tcp(const ListenRequest& request) {
    const Address& address = request.address.address;
    // Rights over files do not cover ports: a tenant gets none that his own program could not have bound.
    if (request.with_vassal_rights && ::geteuid() == 0 && request.identity.uid != 0 && address.port != 0 &&
        address.port < unprivileged_port_start())
        return common::system_error("bind " + address.text() + " as " + request.identity.user, EACCES);
    auto resolved = resolve(address);
    if (!resolved) return resolved.error();
    auto fd = bind_tcp(address, *resolved);
    if (!fd && address.host.empty() && (fd.error().code.value() == EAFNOSUPPORT || fd.error().code.value() == EADDRNOTAVAIL)) {
        Address only_ipv4 = address;  // no IPv6 on this machine
        only_ipv4.host = "0.0.0.0";
        resolved = resolve(only_ipv4);
        if (!resolved) return resolved.error();
        return bind_tcp(address, *resolved);
    }
    return fd;
}

sockaddr_un abstract_address(const Address& address, socklen_t& size) {
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    const std::size_t length = std::min(address.path.size(), sizeof out.sun_path - 1);
    std::memcpy(out.sun_path + 1, address.path.data(), length);
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
    return out;
}

Result<UniqueFd> open_abstract(const Address& address) {
    if (address.path.size() > sizeof sockaddr_un{}.sun_path - 1)
        return common::failure("abstract socket name too long: " + address.text());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return common::system_error("socket for " + address.text());
    socklen_t size = 0;
    const sockaddr_un bound = abstract_address(address, size);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&bound), size) != 0)
        return common::system_error("bind " + address.text());
    return fd;
}

int option_of(int fd, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

std::uint16_t port_of(const sockaddr_storage& storage) {
    if (storage.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
    return ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
}

}  // namespace

Listener::~Listener() {
    if (!removes_file_) return;
    std::optional<ActAs> rights;
    if (with_vassal_rights_) rights.emplace(identity_);
    remove_socket_file(address_.address.path, device_, inode_);
}

bool Listener::is_in_place() const {
    if (address_.address.kind != Address::Kind::unix_path) return true;
    std::optional<ActAs> rights;
    if (with_vassal_rights_) rights.emplace(identity_);
    struct stat found {};
    return ::lstat(address_.address.path.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_;
}

std::uint64_t socket_inode_of(int fd) noexcept {
    struct stat found {};
    return ::fstat(fd, &found) == 0 ? found.st_ino : 0;
}

std::uint64_t Listener::socket_inode() const noexcept { return socket_inode_of(fd_.get()); }

Result<std::unique_ptr<Listener>> open_listener(const ListenRequest& request) {
    const Address& address = request.address.address;
    if (address.kind == Address::Kind::unix_path) {
        auto bound = listen_on_path(request);
        if (!bound) return bound.error();
        auto listener = std::make_unique<Listener>(request.address, std::move(bound->fd));
        listener->removes_file_ = true;
        listener->with_vassal_rights_ = request.with_vassal_rights;
        listener->identity_ = request.identity;
        listener->device_ = bound->device;
        listener->inode_ = bound->inode;
        return listener;
    }
    auto fd = address.kind == Address::Kind::tcp ? open_tcp(request) : open_abstract(address);
    if (!fd) return fd.error();
    if (::listen(fd->get(), request.backlog > 0 ? request.backlog : default_backlog()) != 0)
        return common::system_error("listen " + address.text());
    return std::make_unique<Listener>(request.address, std::move(*fd));
}

std::unique_ptr<Listener> adopt_listener(const ListenRequest& request, UniqueFd fd) {
    auto listener = std::make_unique<Listener>(request.address, std::move(fd));
    const Address& address = request.address.address;
    if (address.kind != Address::Kind::unix_path) return listener;
    listener->with_vassal_rights_ = request.with_vassal_rights;
    listener->identity_ = request.identity;
    std::optional<ActAs> rights;
    if (request.with_vassal_rights) rights.emplace(request.identity);
    struct stat found {};
    if (::lstat(address.path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) {
        listener->removes_file_ = true;
        listener->device_ = found.st_dev;
        listener->inode_ = found.st_ino;
    }
    return listener;
}

Result<void> update_listener(Listener& listener, const ListenRequest& request) {
    // listen(2) again only sets the length of the queue; who waits in it stays.
    if (::listen(listener.fd(), request.backlog > 0 ? request.backlog : default_backlog()) != 0)
        return common::system_error("listen " + request.address.address.text());
    if (!listener.removes_file_) return {};
    return dress_socket_file(request, listener.device_, listener.inode_);
}

bool is_listener_for(int fd, const common::net::ListenAddress& wanted) {
    if (option_of(fd, SO_ACCEPTCONN) != 1 || option_of(fd, SO_TYPE) != SOCK_STREAM) return false;
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return false;
    const Address& address = wanted.address;
    switch (address.kind) {
        case Address::Kind::tcp:
            return (storage.ss_family == AF_INET || storage.ss_family == AF_INET6) && port_of(storage) == address.port;
        case Address::Kind::unix_abstract: {
            socklen_t expected = 0;
            const sockaddr_un bound = abstract_address(address, expected);
            return storage.ss_family == AF_UNIX && size == expected && std::memcmp(&storage, &bound, expected) == 0;
        }
        // Bound under a temporary name and renamed: the kernel knows the temporary one. The record's socket inode,
        // which the caller compares, identifies it.
        case Address::Kind::unix_path:
            return storage.ss_family == AF_UNIX && size > sizeof(sa_family_t) &&
                   reinterpret_cast<const sockaddr_un&>(storage).sun_path[0] != '\0';
    }
    return false;
}

int default_backlog() {
    int backlog = 0;
    std::ifstream("/proc/sys/net/core/somaxconn") >> backlog;
    return backlog > 0 ? backlog : SOMAXCONN;
}

}  // namespace emperor::process
