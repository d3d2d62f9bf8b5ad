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
#include <ctime>
#include <new>
#include <vector>

namespace emperor::stats {

namespace {

constexpr std::uint32_t tcp_listen_state = 10;  // TCP_LISTEN; sock_diag uses TCP's numbers for unix sockets too

ListenQueue read_tcp(int fd) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_state != tcp_listen_state) return {};
    return {info.tcpi_unacked, info.tcpi_sacked};  // for a listener: the queue's length and its limit
}

constexpr int few = 16;                     // questions of a burst that are asked one by one
constexpr std::int64_t burst_us = 20'000;
constexpr std::size_t dump_buffer = 32768;  // what the kernel puts into one part

struct Answer {
    std::uint32_t inode = 0;
    ListenQueue queue;
};

std::int64_t monotonic_us() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

// The UNIX_DIAG_RQLEN attribute of one answer, if this is the answer with `sequence`.
bool parse_answer(const char* data, std::size_t size, std::uint32_t sequence, Answer& answer, bool& is_ours) noexcept {
    nlmsghdr header{};
    if (size < sizeof header) return false;
    std::memcpy(&header, data, sizeof header);
    is_ours = header.nlmsg_seq == sequence;
    if (!is_ours || header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len > size) return false;
    std::size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(unix_diag_msg));
    if (header.nlmsg_len < at) return false;
    unix_diag_msg found{};
    std::memcpy(&found, data + NLMSG_HDRLEN, sizeof found);
    answer.inode = found.udiag_ino;
    while (at + sizeof(rtattr) <= header.nlmsg_len) {
        rtattr attribute{};
        std::memcpy(&attribute, data + at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute || at + attribute.rta_len > header.nlmsg_len) return false;
        if (attribute.rta_type == UNIX_DIAG_RQLEN && attribute.rta_len >= RTA_LENGTH(sizeof(unix_diag_rqlen))) {
            unix_diag_rqlen length{};
            std::memcpy(&length, data + at + RTA_LENGTH(0), sizeof length);
            answer.queue = {length.udiag_rqueue, length.udiag_wqueue};
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

bool QueueProbe::send(std::uint32_t inode, bool is_dump) const noexcept {
    struct {
        nlmsghdr header;
        unix_diag_req body;
    } request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | (is_dump ? NLM_F_DUMP : 0));
    request.header.nlmsg_seq = ++sequence_;
    request.body.sdiag_family = AF_UNIX;
    request.body.udiag_states = 1u << tcp_listen_state;
    request.body.udiag_ino = inode;
    request.body.udiag_show = UDIAG_SHOW_RQLEN;
    request.body.udiag_cookie[0] = request.body.udiag_cookie[1] = ~0u;  // no cookie
    return netlink_ && ::send(netlink_.get(), &request, sizeof request, MSG_NOSIGNAL) >= 0;
}

ListenQueue QueueProbe::read_unix(std::uint32_t inode) const noexcept {
    const std::int64_t now = monotonic_us();
    if (now >= burst_until_us_) {
        burst_until_us_ = now + burst_us;
        asked_ = 0;
        known_.clear();
    }
    if (++asked_ <= few) return ask(inode);
    try {
        if (asked_ == few + 1) ask_all();
        if (const auto found = known_.find(inode); found != known_.end()) return found->second;
    } catch (const std::bad_alloc&) {
        known_.clear();
    }
    return ask(inode);
}

ListenQueue QueueProbe::ask(std::uint32_t inode) const noexcept {
    if (!send(inode, false)) return {};
    Answer answer;
    std::array<char, 1024> buffer;
    for (int message = 0; message < 4; ++message) {  // answers of an interrupted earlier turn are skipped
        const ssize_t size = ::recv(netlink_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size <= 0) return {};
        bool is_ours = false;
        if (parse_answer(buffer.data(), static_cast<std::size_t>(size), sequence_, answer, is_ours)) return answer.queue;
        if (is_ours) return {};
    }
    return {};
}

// The kernel makes the next part of a dump when the one before was received; the last part is marked.
void QueueProbe::ask_all() const {
    if (!send(0, true)) return;
    std::vector<char> buffer(dump_buffer);
    for (;;) {
        const ssize_t size = ::recv(netlink_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size <= 0) return;
        for (std::size_t at = 0; at + sizeof(nlmsghdr) <= static_cast<std::size_t>(size);) {
            nlmsghdr header{};
            std::memcpy(&header, buffer.data() + at, sizeof header);
            if (header.nlmsg_len < sizeof header || header.nlmsg_len > static_cast<std::size_t>(size) - at) return;
            const bool is_last = header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR;
            if (is_last && header.nlmsg_seq == sequence_) return;
            Answer answer;
            bool is_ours = false;
            if (parse_answer(buffer.data() + at, header.nlmsg_len, sequence_, answer, is_ours))
                known_.insert_or_assign(answer.inode, answer.queue);
            at += NLMSG_ALIGN(header.nlmsg_len);
        }
    }
}

}  // namespace emperor::stats
