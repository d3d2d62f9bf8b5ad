// SPDX-License-Identifier: Apache-2.0
// The part of conversation.h that comes before the first head: the PROXY protocol of trusted peers. A peer on the list
// may send it and may leave it away, so an operator's own curl works beside the proxy. From others it is a head like
// any other, and a wrong one.
#include "vassal/protocol/proxy_protocol.h"
#include "vassal/worker/conversation.h"

namespace vassal::worker {

void Conversation::expect_proxy_header(Connection& connection) noexcept {
    if (shared_.trusted.contains(connection.peer.address())) connection.phase = Phase::proxy;
}

Conversation::Next Conversation::read_proxy_header(Connection& connection) {
    for (;;) {
        std::size_t wanted = 0;
        if (connection.input.size() > 0) {
            protocol::ProxyHeader header;
            const protocol::Decoded decoded = protocol::decode_proxy_header(connection.input.bytes(), header);
            if (decoded.outcome == protocol::Outcome::bad) return refuse(connection, decoded.status);
            if (decoded.outcome == protocol::Outcome::complete) {
                connection.input.consume(decoded.consumed);
                if (header.has_client) {
                    connection.peer = header.client;
                    connection.local = header.server;
                    connection.is_https = header.is_https;
                }
                connection.phase = Phase::head;
                return Next::again;
            }
            wanted = decoded.wanted;
        }
        switch (receive_head(connection, wanted)) {
            case Received::some: break;
            case Received::nothing_yet: return Next::wait_to_read;
            case Received::end: return Next::close;
        }
    }
}

}  // namespace vassal::worker
