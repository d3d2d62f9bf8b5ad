// SPDX-License-Identifier: Apache-2.0
#include "common/link/channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>
#include <utility>

namespace common::link {

namespace {

constexpr std::size_t control_size = CMSG_SPACE(sizeof(int) * max_packet_fds) + CMSG_SPACE(sizeof(ucred));

std::optional<Sender> sender_of(msghdr& header) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
        ucred found{};
        std::memcpy(&found, CMSG_DATA(part), sizeof found);
        return Sender{found.pid, found.uid};
    }
    return std::nullopt;
}

// Takes ownership of every descriptor in the control data, whatever else is wrong with the packet.
std::vector<UniqueFd> take_descriptors(msghdr& header) {
    std::vector<UniqueFd> fds;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            fds.emplace_back(fd);
        }
    }
    return fds;
}

}  // namespace

Result<std::pair<UniqueFd, UniqueFd>> make_channel() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return system_error("create a channel");
    return std::pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<void> name_senders(int fd, bool named) {
    const int value = named ? 1 : 0;
    if (::setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &value, sizeof value) != 0)
        return system_error("name the senders of a channel");
    return {};
}

Result<void> send(int fd, std::string_view payload, std::span<const int> fds) {
    // An empty packet reads like the end of the channel.
    if (payload.empty()) return failure("send on a channel: the message is empty");
    if (payload.size() > max_packet_size)
        return failure("send on a channel: a message of " + std::to_string(payload.size()) + " bytes is too long");
    if (fds.size() > max_packet_fds) return failure("send on a channel: too many descriptors");

    iovec part{const_cast<char*>(payload.data()), payload.size()};
    alignas(cmsghdr) char control[control_size];
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        std::memset(control, 0, sizeof control);
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
    }
    ssize_t sent;
    do sent = ::sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) return system_error("send on a channel");
    return {};
}

Result<Received> receive(int fd) {
    // One packet of the largest size; on the stack and uninitialised, because log channels come here for every line.
    char buffer[max_packet_size];
    alignas(cmsghdr) char control[control_size];
    iovec part{buffer, sizeof buffer};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    ssize_t size;
    // The other side closed with our words unread: the kernel says so once, before the last words that lie here.
    bool is_reset = false;
    do {
        size = ::recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (size < 0 && (errno == EINTR || (errno == ECONNRESET && !std::exchange(is_reset, true))));
    if (size < 0) {
        if (is_reset) return Received{ReceiveState::closed, {}};
        if (errno == EAGAIN || errno == EWOULDBLOCK) return Received{};
        return system_error("receive on a channel");
    }
    Received received;
    received.packet.fds = take_descriptors(header);
    received.packet.sender = sender_of(header);
    if ((header.msg_flags & MSG_TRUNC) != 0) return failure("receive on a channel: the message is too long");
    // The room for a sender's name would hold some more.
    if ((header.msg_flags & MSG_CTRUNC) != 0 || received.packet.fds.size() > max_packet_fds)
        return failure("receive on a channel: more descriptors than this process or the protocol allows");
    received.state = size == 0 ? ReceiveState::closed : ReceiveState::packet;
    received.packet.payload.assign(buffer, static_cast<std::size_t>(size));
    return received;
}

}  // namespace common::link
