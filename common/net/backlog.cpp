// SPDX-License-Identifier: Apache-2.0
#include "common/net/backlog.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "common/base/unique_fd.h"

namespace common::net {

namespace {

struct Question {
    nlmsghdr header;
    unix_diag_req body;
};

Result<void> ask(int netlink, ino_t inode) {
    Question question{};
    question.header.nlmsg_len = sizeof question;
    question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    question.header.nlmsg_flags = NLM_F_REQUEST;
    question.body.sdiag_family = AF_UNIX;
    question.body.udiag_ino = static_cast<std::uint32_t>(inode);
    question.body.udiag_show = UDIAG_SHOW_RQLEN;
    question.body.udiag_cookie[0] = question.body.udiag_cookie[1] = ~0u;  // whatever cookie it has
    if (::send(netlink, &question, sizeof question, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof question))
        return system_error("ask sock_diag");
    return {};
}

// The answer is there as soon as the question was sent: the kernel works it off within send().
Result<Backlog> answer(int netlink) {
    alignas(nlmsghdr) char buffer[512];
    const ssize_t size = ::recv(netlink, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0) return system_error("read sock_diag's answer");
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer);
    if (!NLMSG_OK(header, static_cast<std::size_t>(size))) return failure("sock_diag gave a torn answer");
    if (header->nlmsg_type == NLMSG_ERROR) {
        const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
        return system_error("sock_diag", -error->error);
    }
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || header->nlmsg_len < NLMSG_LENGTH(sizeof(unix_diag_msg)))
        return failure("sock_diag gave another answer");
    const auto* found = static_cast<const unix_diag_msg*>(NLMSG_DATA(header));
    std::size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof *found);
    for (const auto* part = reinterpret_cast<const rtattr*>(found + 1); RTA_OK(part, left); part = RTA_NEXT(part, left)) {
        if (part->rta_type != UNIX_DIAG_RQLEN || RTA_PAYLOAD(part) < sizeof(unix_diag_rqlen)) continue;
        unix_diag_rqlen length{};
        std::memcpy(&length, RTA_DATA(part), sizeof length);
        return Backlog{length.udiag_rqueue, length.udiag_wqueue};  // of a listener: waiting and limit
    }
    return failure("sock_diag knows no queue of this socket");
}

Result<Backlog> unix_backlog(int listening_fd) {
    struct stat info {};
    if (::fstat(listening_fd, &info) != 0) return system_error("look at the listener");
    const UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
    if (!netlink) return system_error("open sock_diag");
    if (auto asked = ask(netlink.get(), info.st_ino); !asked) return asked.error();
    return answer(netlink.get());
}

Result<Backlog> tcp_backlog(int listening_fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(listening_fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return system_error("read TCP_INFO");
    return Backlog{info.tcpi_unacked, info.tcpi_sacked};  // of a listener: waiting and limit
}

}  // namespace

Result<Backlog> backlog_of(int listening_fd) {
    int is_listening = 0, domain = 0;
    socklen_t size = sizeof is_listening;
    if (::getsockopt(listening_fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) != 0)
        return system_error("look at the listener");
    if (is_listening == 0) return failure("not a listening socket");
    size = sizeof domain;
    if (::getsockopt(listening_fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return system_error("look at the listener");
    return domain == AF_UNIX ? unix_backlog(listening_fd) : tcp_backlog(listening_fd);
}

}  // namespace common::net
