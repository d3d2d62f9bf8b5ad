// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/handover.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "vassal/link/worker_messages.h"
#include "vassal/protocol/refusal.h"

namespace vassal::worker {
namespace {

using common::net::Protocol;

// What a PROXY header said about the client would be lost with the header.
bool is_unread(const Shared& shared, const Connection& connection) noexcept {
    if (connection.input.size() > 0) return false;
    if (connection.phase == Phase::proxy) return true;
    const bool may_have_header = connection.protocol == Protocol::http && !shared.trusted.empty();
    return (connection.phase == Phase::head || connection.phase == Phase::idle) && !may_have_header;
}

// Not common::link::send(): it allocates where it fails.
void send_to_master(int link, int listener, int fd) noexcept {
    std::array<char, link::handover_size> text;
    const std::string_view payload = link::write_handover(listener, text);
    iovec part{const_cast<char*>(payload.data()), payload.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    // A master that is gone or does not read: the connection ends with this process.
    static_cast<void>(::sendmsg(link, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

void refuse(const Connection& connection, ResponseSink::ExpiryText& text) noexcept {
    const std::string_view answer =
        protocol::write_refusal(connection.protocol, connection.fastcgi.id, text.reply, text.framed);
    if (answer.empty()) return;
    static_cast<void>(::send(connection.fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    end_complete(connection.fd);
}

}  // namespace

void give_connections_away(const Shared& shared, ResponseSink::ExpiryText& text) noexcept {
    shared.connections.for_each([&](const Connection& connection) {
        const Owner owner = connection.owner.load();
        if (owner == Owner::free || owner == Owner::owned || connection.fd < 0) return;
        if (is_unread(shared, connection)) {
            return send_to_master(shared.options.link, static_cast<int>(connection.listener), connection.fd);
        }
        if (connection.phase == Phase::head || connection.phase == Phase::body) refuse(connection, text);
    });
}

}  // namespace vassal::worker
