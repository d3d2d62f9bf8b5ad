// SPDX-License-Identifier: Apache-2.0
#include "emperor/stats/sock_diag.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cstring>

namespace emperor::stats {

namespace {

constexpr std::uint32_t tcp_listen_state = 10;  // TCP_LISTEN; sock_diag uses TCP's numbers for unix sockets too

ListenQueue read_tcp(int fd) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_state != tcp_listen_state) return {};
    return {info.tcpi_unacked, info.tcpi_sacked};  // for a listener: the queue's length and its limit
}

// The UNIX_DIAG_RQLEN attribute of one answer, if this is the answer with `sequence`.
bool parse_answer(const char* data, std::size_t size, std::uint32_t sequence, ListenQueue& queue, bool& is_ours) noexcept {
    nlmsghdr header{};
    if (size < sizeof header) return false;
    std::memcpy(&header, data, sizeof header);
    is_ours = header.nlmsg_seq == sequence;
    if (!is_ours || header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len > size) return false;
    std::size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(unix_diag_msg));
    while (at + sizeof(rtattr) <= header.nlmsg_len) {
        rtattr attribute{};
        std::memcpy(&attribute, data + at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute || at + attribute.rta_len > header.nlmsg_len) return false;
        if (attribute.rta_type == UNIX_DIAG_RQLEN && attribute.rta_len >= RTA_LENGTH(sizeof(unix_diag_rqlen))) {
            unix_diag_rqlen length{};
            std::memcpy(&length, data + at + RTA_LENGTH(0), sizeof length);
            queue = {length.udiag_rqueue, length.udiag_wqueue};
            return true;
        }
        at += RTA_ALIGN(attribute.rta_len);
    }
    return false;
}

}  // namespace

QueueProbe::QueueProbe() noexcept
    : netlink_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG)) {}

ListenQueue QueueProbe::read(int listener_fd) const noexcept {
    int domain = 0;
    socklen_t size = sizeof domain;
    if (::getsockopt(listener_fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return {};
    if (domain == AF_INET || domain == AF_INET6) return read_tcp(listener_fd);
    struct stat status{};
    if (domain != AF_UNIX || ::fstat(listener_fd, &status) != 0) return {};
    return read_unix(static_cast<std::uint32_t>(status.st_ino));
}

ListenQueue QueueProbe::read_unix(std::uint32_t inode) const noexcept {
    struct {
        nlmsghdr header;
        unix_diag_req body;
    } request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.header.nlmsg_seq = ++sequence_;
    request.body.sdiag_family = AF_UNIX;
    request.body.udiag_states = 1u << tcp_listen_state;
    request.body.udiag_ino = inode;
    request.body.udiag_show = UDIAG_SHOW_RQLEN;
    request.body.udiag_cookie[0] = request.body.udiag_cookie[1] = ~0u;  // no cookie

    if (!netlink_ || ::send(netlink_.get(), &request, sizeof request, MSG_NOSIGNAL) < 0) return {};
    ListenQueue queue;
    std::array<char, 1024> answer;
    for (int message = 0; message < 4; ++message) {  // answers of an interrupted earlier turn are skipped
        const ssize_t size = ::recv(netlink_.get(), answer.data(), answer.size(), MSG_DONTWAIT);
        if (size <= 0) return {};
        bool is_ours = false;
        if (parse_answer(answer.data(), static_cast<std::size_t>(size), sequence_, queue, is_ours)) return queue;
        if (is_ours) return {};
    }
    return {};
}

}  // namespace emperor::stats
