// SPDX-License-Identifier: Apache-2.0
// Hot path. The part of conversation.h that only FastCGI needs: bodies in records, replies beside requests, aborts.
#include <sys/socket.h>

#include "vassal/worker/conversation.h"

namespace vassal::worker {

// A head without a body, and a small body, come in one piece and are served from where they lie.
Conversation::Next Conversation::begin_stdin(Connection& connection) {
    const std::uint16_t id = connection.fastcgi.id;
    const auto whole = protocol::find_whole_stdin(connection.input.bytes().substr(connection.head_size), id);
    const bool is_as_long =
        whole && (head_.is_chunked ? whole->size <= shared_.limits.body : whole->size == head_.content_length);
    if (is_as_long) {
        const std::uint32_t begin = whole->size == 0 ? whole->end : whole->begin;
        connection.head_size += begin;
        connection.inline_body = whole->size;
        connection.body_tail = whole->end - begin - whole->size;
        return serve(connection);
    }
    connection.phase = Phase::body;
    using enum BodyDecoder::Framing;
    return begin_body(connection, BodyDecoder(head_.is_chunked ? open_records : records, head_.content_length,
                                              body_limits(), protocol::StdinDecoder(id, shared_.limits.connections)));
}

// Something that is no request was dealt with. The connection is as it was before.
Conversation::Next Conversation::skip(Connection& connection, std::size_t size) {
    connection.input.consume(size);
    forget_request(connection);
    connection.phase_deadline_us = 0;
    connection.keep_alive = true;
    return after_response(connection);
}

Conversation::Next Conversation::abort_request(Connection& connection, std::string_view rest) {
    meter_.client_abort();
    const bool keep_connection = connection.fastcgi.keep_connection;
    text_.clear();
    text_.append(rest);  // may lie in the input
    connection.body.reset();
    connection.input.discard(blocks_);
    connection.input.append(text_.view(), blocks_);
    return keep_connection ? skip(connection, 0) : begin_lingering(connection);
}

// Small, and into a send buffer that is empty: whoever lets it run full reads no answers.
bool Conversation::send_replies(Connection& connection) {
    if (text_.size() == 0) return true;
    iovec part{const_cast<char*>(text_.view().data()), text_.size()};
    const SendResult result = send_parts(connection.fd, {&part, 1}, false);
    meter_.sent(result.sent);
    text_.clear();
    if (result.state == SendState::done) return true;
    meter_.client_abort();
    return false;
}

bool Conversation::send_body_replies(Connection& connection) {
    const std::string_view replies = connection.body->replies();
    if (replies.empty()) return true;
    text_.clear();
    text_.append(replies);
    connection.body->forget_replies();
    return send_replies(connection);
}

}  // namespace vassal::worker
