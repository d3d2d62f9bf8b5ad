// SPDX-License-Identifier: Apache-2.0
// Hot path. Bodies of conversation.h: beside their head where they fit, else collected.
#include <algorithm>
#include <utility>

#include "vassal/worker/conversation.h"
#include "vassal/worker/receive.h"

namespace vassal::worker {
namespace {

// One upload does not hold the thread: after so many reads the others have a turn.
constexpr int max_reads_in_a_row = 16;

}  // namespace

Conversation::Next Conversation::begin_request(Connection& connection, std::size_t head_size) {
    connection.head_size = static_cast<std::uint32_t>(head_size);
    connection.inline_body = head_.content_length;
    decoded_ = &connection;
    if (connection.protocol == common::net::Protocol::fastcgi) return begin_stdin(connection);
    const std::size_t available = connection.input.size() - head_size;
    if (!head_.is_chunked && available >= head_.content_length) return serve(connection);

    connection.phase = Phase::body;
    const bool is_collected = !shared_.config.stream_body;
    if (is_collected && head_.expects_continue && available == 0) {
        iovec part{const_cast<char*>(protocol::continue_reply.data()), protocol::continue_reply.size()};
        // 25 bytes into an empty send buffer; a client that pipelines and does not read gets no interim reply.
        meter_.sent(send_parts(connection.fd, {&part, 1}, false).sent);
    }
    if (is_collected && !head_.is_chunked && head_size + head_.content_length <= block_size) {
        connection.input.ensure(head_size + head_.content_length, blocks_);
        decoded_ = nullptr;  // the views of head_ may point to where the bytes were before
        return Next::again;
    }
    using enum BodyDecoder::Framing;
    return begin_body(connection, BodyDecoder(head_.is_chunked ? chunked : length, head_.content_length, body_limits()));
}

Conversation::Next Conversation::begin_body(Connection& connection, BodyDecoder decoder) {
    if (!shared_.config.stream_body) {
        connection.body = std::make_unique<BodyCollector>(std::move(decoder), shared_.config.limits.body_memory);
        return feed_first(connection);
    }
    connection.inline_body = 0;
    socket_body_.begin(connection.fd, connection.input.bytes().substr(connection.head_size), std::move(decoder),
                       head_.expects_continue);
    return serve(connection, &socket_body_);
}

// What came behind the head is the begin of the body.
Conversation::Next Conversation::feed_first(Connection& connection) {
    InputBuffer& input = connection.input;
    const std::size_t used = connection.body->feed(input.bytes().substr(connection.head_size));
    if (const int status = connection.body->failure(); status != 0) return refuse(connection, status);
    if (!send_body_replies(connection)) return Next::close;
    if (connection.body->is_aborted())
        return abort_request(connection, input.bytes().substr(connection.head_size + used));
    if (connection.body->is_complete()) {
        connection.inline_body = used;
        return serve(connection);
    }
    input.truncate(connection.head_size);
    connection.inline_body = 0;
    return Next::again;
}

Conversation::Next Conversation::read_inline_body(Connection& connection) {
    InputBuffer& input = connection.input;
    const std::size_t whole = connection.head_size + connection.inline_body;
    while (input.size() < whole) {
        const ssize_t count = receive(connection.fd, input.free_begin(), input.free_size());
        if (count < 0 && would_block()) return Next::wait_to_read;
        if (count <= 0) {
            count < 0 ? meter_.read_error() : meter_.client_abort();
            return Next::close;
        }
        input.commit(static_cast<std::size_t>(count));
    }
    return serve(connection);
}

Conversation::Next Conversation::read_collected_body(Connection& connection) {
    BodyCollector& body = *connection.body;
    for (int i = 0; i < max_reads_in_a_row; ++i) {
        std::size_t size = scratch_size;
        if (body.missing() > 0) size = std::min<std::uint64_t>(size, body.missing());
        const ssize_t count = receive(connection.fd, scratch(), size);
        if (count < 0 && would_block()) return Next::wait_to_read;
        if (count <= 0) {
            count < 0 ? meter_.read_error() : meter_.client_abort();
            return Next::close;
        }
        const std::string_view bytes(scratch(), static_cast<std::size_t>(count));
        const std::size_t used = body.feed(bytes);
        if (body.failure() != 0) return refuse(connection, body.failure());
        if (!send_body_replies(connection)) return Next::close;
        if (body.is_aborted()) return abort_request(connection, bytes.substr(used));
        if (body.is_complete()) {
            if (used < bytes.size()) {
                connection.input.append(bytes.substr(used), blocks_);
                decoded_ = nullptr;  // the head may have moved
            }
            return serve(connection);
        }
    }
    return Next::wait_to_read;
}

}  // namespace vassal::worker
