// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/handover.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "vassal/link/worker_messages.h"

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
void send_to_master(int link, const Connection& connection) noexcept {
    std::array<char, link::handover_size> text;
    const std::string_view payload = link::write_handover(connection.listener, text);
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
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &connection.fd, sizeof connection.fd);
    // A master that is gone or does not read: the connection ends with this process.
    static_cast<void>(::sendmsg(link, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

void refuse(const Connection& connection, ResponseSink::ExpiryText& text) noexcept {
    const bool is_fastcgi = connection.protocol == Protocol::fastcgi;
    if (is_fastcgi && connection.fastcgi.id == 0) return;
    protocol::ResponseContext context;
    context.is_http = connection.protocol == Protocol::http;
    context.is_cgi = is_fastcgi || connection.protocol == Protocol::scgi;
    protocol::write_status_reply(503, context, text.reply, "Retry-After: 1\r\n");
    std::string_view answer = text.reply.view();
    if (is_fastcgi) {
        text.framed.clear();
        protocol::fastcgi::append_answer(connection.fastcgi.id, answer, text.framed);
        answer = text.framed.view();
    }
    static_cast<void>(::send(connection.fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    end_complete(connection.fd);
}

}  // namespace

void give_connections_away(const Shared& shared, ResponseSink::ExpiryText& text) noexcept {
    shared.connections.for_each([&](const Connection& connection) {
        const Owner owner = connection.owner.load();
        if (owner == Owner::free || owner == Owner::owned || connection.fd < 0) return;
        if (is_unread(shared, connection)) return send_to_master(shared.options.link, connection);
        if (connection.phase == Phase::head || connection.phase == Phase::body) refuse(connection, text);
    });
}

}  // namespace vassal::worker
