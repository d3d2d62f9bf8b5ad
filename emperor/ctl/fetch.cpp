// SPDX-License-Identifier: Apache-2.0
#include "emperor/ctl/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

#include "emperor/ctl/wait.h"

namespace emperor::ctl {

using common::net::Address;

namespace {

constexpr std::size_t max_document = 256u << 20;

CallError failure(ExitCode code, const Address& address, const std::string& why) {
    return {code, "the stats on " + address.text() + ": " + why, {}, {}};
}

std::string text_of(int number) { return std::error_code(number, std::system_category()).message(); }

struct Place {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

std::optional<Place> place_of(const Address& address) {
    Place place;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&place.storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&place.storage);
    const std::string host = address.host.empty() || address.host == "localhost" ? "127.0.0.1" : address.host;
    if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address.port);
        place.size = sizeof(sockaddr_in);
    } else if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(address.port);
        place.size = sizeof(sockaddr_in6);
    } else {
        return std::nullopt;
    }
    return place;
}

// 0, or errno; ETIMEDOUT when the deadline passed.
int connect_tcp(int fd, const Place& place, Deadline deadline) {
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&place.storage), place.size) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    if (!wait_for(fd, POLLOUT, deadline)) return ETIMEDOUT;
    int number = 0;
    socklen_t size = sizeof number;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size);
    return number;
}

}  // namespace

Answer<Json> fetch_stats(const Address& address, Deadline deadline) {
    if (address.kind == Address::Kind::unix_abstract) return failure(ExitCode::usage, address, "expected a path or HOST:PORT");
    const bool is_unix = address.kind == Address::Kind::unix_path;
    std::optional<Place> place;
    if (!is_unix && !(place = place_of(address))) return failure(ExitCode::usage, address, "the host must be a numeric address");
    const int family = is_unix ? AF_UNIX : place->storage.ss_family;
    common::UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return failure(ExitCode::failed, address, text_of(errno));
    if (const int number = is_unix ? connect_unix(fd.get(), address.path) : connect_tcp(fd.get(), *place, deadline)) {
        const bool is_forbidden = number == EACCES || number == EPERM;
        return failure(is_forbidden ? ExitCode::not_permitted : ExitCode::not_reachable, address, text_of(number));
    }
    std::string text;
    for (std::array<char, 65536> chunk;;) {
        const ssize_t size = ::recv(fd.get(), chunk.data(), chunk.size(), 0);
        if (size > 0) text.append(chunk.data(), static_cast<std::size_t>(size));
        else if (size == 0) break;
        else if (errno != EAGAIN && errno != EINTR) return failure(ExitCode::not_reachable, address, text_of(errno));
        else if (!wait_for(fd.get(), POLLIN, deadline)) return failure(ExitCode::timed_out, address, "no answer in time");
        if (text.size() > max_document) return failure(ExitCode::failed, address, "the answer is too long");
    }
    Json document = Json::parse(text, nullptr, false);
    if (!document.is_object() || !document.contains("vassals"))
        return failure(ExitCode::failed, address, "not the document of an emperor");
    return document;
}

}  // namespace emperor::ctl
