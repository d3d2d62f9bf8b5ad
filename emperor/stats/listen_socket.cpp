// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/listen_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <utility>

namespace emperor::stats {

using common::Result;
using common::UniqueFd;
using common::net::Address;

namespace {

constexpr int backlog = 128;  // these sockets answer at once; a longer queue would only hide an overload

UniqueFd open_socket(int family) { return UniqueFd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

// Where a unix path can be reached by bind and connect, whatever its length: /proc/self/fd/DIRECTORY/NAME.
struct Place {
    UniqueFd directory;
    std::string path;
};

Result<Place> place_of(const std::string& path) {
    const auto slash = path.rfind('/');
    const std::string folder = slash == 0 ? "/" : path.substr(0, slash);
    UniqueFd directory(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return common::system_error("open " + folder);
    std::string reachable = "/proc/self/fd/" + std::to_string(directory.get()) + path.substr(slash);
    if (reachable.size() >= sizeof(sockaddr_un::sun_path))
        return common::failure("the socket's file name is too long: " + path.substr(slash + 1));
    return Place{std::move(directory), std::move(reachable)};
}

std::pair<sockaddr_un, socklen_t> unix_address(const std::string& name, bool is_abstract) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + (is_abstract ? 1 : 0), name.data(), name.size());
    const std::size_t size = offsetof(sockaddr_un, sun_path) + name.size() + 1;  // the NUL before or after the name
    return {address, static_cast<socklen_t>(size)};
}

// Makes way for a bind: removes a socket that nobody answers on.
Result<void> remove_stale(const Place& place, const std::string& shown) {
    struct stat status{};
    if (::lstat(place.path.c_str(), &status) != 0) {
        if (errno == ENOENT) return {};
        return common::system_error("look at " + shown);
    }
    if (!S_ISSOCK(status.st_mode)) return common::failure(shown + " exists and is not a socket");
    const UniqueFd probe = open_socket(AF_UNIX);
    const auto [address, size] = unix_address(place.path, false);
    const bool is_answered = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0;
    if (is_answered || errno == EAGAIN) return common::system_error("listen on " + shown, EADDRINUSE);
    if (::unlink(place.path.c_str()) != 0) return common::system_error("remove the stale socket " + shown);
    return {};
}

Result<void> apply(const Place& place, const SocketAccess& access, const std::string& shown) {
    if (access.owner || access.group) {
        const uid_t owner = access.owner.value_or(static_cast<uid_t>(-1));
        const gid_t group = access.group.value_or(static_cast<gid_t>(-1));
        if (::lchown(place.path.c_str(), owner, group) != 0) return common::system_error("set the owner of " + shown);
    }
    if (::chmod(place.path.c_str(), access.mode) != 0) return common::system_error("set the mode of " + shown);
    return {};
}

Result<UniqueFd> listen_tcp(const Address& address) {
    sockaddr_storage storage{};
    socklen_t size = 0;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host.empty() ? "0.0.0.0" : address.host;
    if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address.port);
        size = sizeof(sockaddr_in);
    } else if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(address.port);
        size = sizeof(sockaddr_in6);
    } else {
        return common::failure("the host of " + address.text() + " must be a numeric address");
    }
    UniqueFd fd = open_socket(storage.ss_family);
    if (!fd) return common::system_error("open a socket for " + address.text());
    const int yes = 1;
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        (storage.ss_family == AF_INET6 && ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) != 0))
        return common::system_error("prepare a socket for " + address.text());
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0 || ::listen(fd.get(), backlog) != 0)
        return common::system_error("listen on " + address.text());
    return fd;
}

Result<UniqueFd> listen_abstract(const Address& address) {
    if (address.path.size() + 1 >= sizeof(sockaddr_un::sun_path))
        return common::failure("the abstract name is too long: " + address.text());
    UniqueFd fd = open_socket(AF_UNIX);
    const auto [name, size] = unix_address(address.path, true);
    // An abstract name ends where its length says; the NUL that unix_address() counts is the leading one.
    if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), size) != 0 || ::listen(fd.get(), backlog) != 0)
        return common::system_error("listen on " + address.text());
    return fd;
}

}  // namespace

LocalSocket::LocalSocket(LocalSocket&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

LocalSocket& LocalSocket::operator=(LocalSocket&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = std::move(other.fd_);
        path_ = std::exchange(other.path_, {});
        device_ = other.device_;
        inode_ = other.inode_;
    }
    return *this;
}

void LocalSocket::close() noexcept {
    fd_.reset();
    const std::string path = std::exchange(path_, {});
    struct stat status{};
    if (!path.empty() && ::lstat(path.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
        ::unlink(path.c_str());
}

LocalSocket LocalSocket::adopt(UniqueFd fd) {
    LocalSocket socket;
    socket.fd_ = std::move(fd);
    return socket;
}

Result<LocalSocket> LocalSocket::listen(const Address& address, const SocketAccess& access) {
    LocalSocket socket;
    if (address.kind != Address::Kind::unix_path) {
        Result<UniqueFd> fd = address.kind == Address::Kind::tcp ? listen_tcp(address) : listen_abstract(address);
        if (!fd) return fd.error();
        socket.fd_ = std::move(*fd);
        return socket;
    }
    Result<Place> place = place_of(address.path);
    if (!place) return place.error();
    if (Result<void> cleared = remove_stale(*place, address.path); !cleared) return cleared.error();
    socket.fd_ = open_socket(AF_UNIX);
    const auto [name, size] = unix_address(place->path, false);
    // Between bind and listen nobody can connect, so the mode is right before the first client.
    if (!socket.fd_ || ::bind(socket.fd_.get(), reinterpret_cast<const sockaddr*>(&name), size) != 0)
        return common::system_error("bind " + address.path);
    struct stat status{};
    if (::lstat(place->path.c_str(), &status) != 0) return common::system_error("look at " + address.path);
    socket.path_ = address.path;
    socket.device_ = status.st_dev;
    socket.inode_ = status.st_ino;
    if (Result<void> applied = apply(*place, access, address.path); !applied) return applied.error();
    if (::listen(socket.fd_.get(), backlog) != 0) return common::system_error("listen on " + address.path);
    return socket;
}

}  // namespace emperor::stats
