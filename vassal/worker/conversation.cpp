// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/worker/conversation.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "vassal/protocol/scgi.h"
#include "vassal/protocol/uwsgi.h"

namespace vassal::worker {
namespace {

// One upload does not hold the thread: after so many reads the others have a turn.
constexpr int max_reads_in_a_row = 16;

ssize_t receive(int fd, char* to, std::size_t size) noexcept {
    for (;;) {
        const ssize_t count = ::recv(fd, to, size, 0);
        if (count >= 0 || errno != EINTR) return count;
    }
}

bool would_block() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK; }

}  // namespace

Conversation::Conversation(Shared& shared, InterpreterLock& lock, common::scoreboard::ThreadSlot& slot)
    : shared_(shared),
      lock_(lock),
      meter_(slot),
      slots_(shared.connections),
      sink_(shared.application, meter_, shared.config.timeouts.write.count()) {}

Connection* Conversation::take_slot(std::size_t listener) {
    Connection* const connection = slots_.take();
    if (connection == nullptr) return nullptr;
    connection->phase = Phase::head;
    connection->protocol = shared_.options.listeners[listener].protocol;
    connection->keep_alive = false;
    connection->is_unread = false;
    connection->listener = static_cast<std::uint8_t>(listener);
    connection->interest = 0;
    connection->phase_deadline_us = 0;
    connection->scan = {};
    connection->peer.address_size = connection->peer.port_size = 0;
    connection->owner.store(Owner::owned, std::memory_order_relaxed);
    return connection;
}

void Conversation::close(Connection& connection) noexcept {
    ::close(connection.fd);
    connection.fd = -1;
    connection.input.discard(blocks_);
    connection.output.clear();
    connection.body.reset();
    if (connection.protocol == common::net::Protocol::fastcgi) forget_request(connection);
    connection.owner.store(Owner::free, std::memory_order_release);
    slots_.give(connection);
    shared_.gate.give_back();
}

void Conversation::go(Connection& connection, Next next) {
    decoded_ = nullptr;
    served_in_a_row_ = 0;
    for (;;) {
        switch (next) {
            case Next::again: next = step(connection); break;
            case Next::wait_to_read:
            case Next::wait_to_write:
            case Next::requeue:
                if (arm(connection, next)) return;
                break;
            case Next::close: return close(connection);
        }
    }
}

Conversation::Next Conversation::step(Connection& connection) {
    switch (connection.phase) {
        case Phase::head:
        case Phase::idle: return read_head(connection);
        case Phase::body: return connection.body ? read_collected_body(connection) : read_inline_body(connection);
        case Phase::writing: return write(connection);
        case Phase::lingering: return linger(connection);
    }
    return Next::close;
}

bool Conversation::arm(Connection& connection, Next& next) {
    std::uint32_t events = EPOLLIN;
    if (next == Next::wait_to_write) events = EPOLLOUT;
    if (next == Next::requeue) events = EPOLLIN | EPOLLOUT;  // writable now: comes back after the others
    switch (shared_.reactor.arm(connection, events, deadline_of(connection))) {
        case Reactor::Armed::yes: return true;
        case Reactor::Armed::fired: next = Next::again; break;
        case Reactor::Armed::failed: next = Next::close; break;
    }
    decoded_ = nullptr;
    return false;
}

// A head and a lingering phase are bounded as a whole; a body and a response must make progress.
std::int64_t Conversation::deadline_of(Connection& connection) const noexcept {
    const auto& timeouts = shared_.config.timeouts;
    const std::int64_t now = now_us();
    switch (connection.phase) {
        case Phase::head:
            if (connection.phase_deadline_us == 0) connection.phase_deadline_us = Shared::after(now, timeouts.header);
            return connection.phase_deadline_us;
        case Phase::lingering: return connection.phase_deadline_us;
        case Phase::idle: return std::min(Shared::after(now, timeouts.keepalive), shared_.gate.idle_deadline_us());
        case Phase::body: return Shared::after(now, timeouts.body);
        case Phase::writing: return Shared::after(now, timeouts.write);
    }
    return now;
}

void Conversation::time_out(Connection& connection) {
    switch (connection.phase) {
        case Phase::head:
            if (connection.input.size() == 0) return go(connection, Next::close);
            [[fallthrough]];
        case Phase::body: meter_.read_error(); return go(connection, refuse(connection, 408));
        case Phase::writing: meter_.write_error(); break;
        case Phase::idle:
        case Phase::lingering: break;
    }
    go(connection, Next::close);
}

protocol::Decoded Conversation::decode(Connection& connection, protocol::HttpScan& scan,
                                       protocol::FastCgiScan& fastcgi) {
    const WorkerListener& listener = shared_.options.listeners[connection.listener];
    const Peer& peer = connection.peer;
    const protocol::Facts facts{
        .server_name = listener.server_name.empty() ? std::string_view("localhost") : listener.server_name,
        .server_port = listener.server_port,
        .mount = shared_.config.mount,
        .remote_addr = {peer.address, peer.address_size},
        .remote_port = {peer.port, peer.port_size},
        .trusted = &shared_.trusted};
    const std::string_view bytes = connection.input.bytes();
    switch (connection.protocol) {
        case common::net::Protocol::uwsgi: return protocol::decode_uwsgi(bytes, shared_.limits, facts, head_);
        case common::net::Protocol::http: return protocol::decode_http(bytes, scan, shared_.limits, facts, head_);
        case common::net::Protocol::scgi: return protocol::decode_scgi(bytes, shared_.limits, facts, head_);
        case common::net::Protocol::fastcgi: break;
    }
    text_.clear();
    return protocol::decode_fastcgi(bytes, fastcgi, shared_.limits, facts, head_, text_);
}

Conversation::Next Conversation::read_head(Connection& connection) {
    InputBuffer& input = connection.input;
    for (;;) {
        std::size_t wanted = 0;
        if (input.size() > 0) {
            const protocol::Decoded decoded = decode(connection, connection.scan, connection.fastcgi);
            if (connection.protocol == common::net::Protocol::fastcgi && !send_replies(connection)) return Next::close;
            switch (decoded.outcome) {
                case protocol::Outcome::complete: return begin_request(connection, decoded.consumed);
                case protocol::Outcome::bad: return refuse(connection, decoded.status);
                case protocol::Outcome::ping: return pong(connection);
                case protocol::Outcome::skip: return skip(connection, decoded.consumed);
                case protocol::Outcome::farewell: return begin_lingering(connection);
                case protocol::Outcome::need_more: wanted = decoded.wanted; break;
            }
        }
        input.ensure(wanted, blocks_);
        const ssize_t count = receive(connection.fd, input.free_begin(), input.free_size());
        if (count > 0) {
            input.commit(static_cast<std::size_t>(count));
            connection.phase = Phase::head;
            continue;
        }
        if (count < 0 && would_block()) {
            input.release_if_empty(blocks_);
            return Next::wait_to_read;
        }
        if (count < 0) meter_.read_error();
        if (input.size() > 0) meter_.client_abort();
        return Next::close;
    }
}

Conversation::Next Conversation::begin_request(Connection& connection, std::size_t head_size) {
    connection.head_size = static_cast<std::uint32_t>(head_size);
    connection.inline_body = head_.content_length;
    decoded_ = &connection;
    if (connection.protocol == common::net::Protocol::fastcgi) return begin_stdin(connection);
    const std::size_t available = connection.input.size() - head_size;
    if (!head_.is_chunked && available >= head_.content_length) return serve(connection);

    connection.phase = Phase::body;
    if (head_.expects_continue && available == 0) {
        iovec part{const_cast<char*>(protocol::continue_reply.data()), protocol::continue_reply.size()};
        // 25 bytes into an empty send buffer; a client that pipelines and does not read gets no interim reply.
        meter_.sent(send_parts(connection.fd, {&part, 1}, false).sent);
    }
    if (!head_.is_chunked && head_size + head_.content_length <= block_size) {
        connection.input.ensure(head_size + head_.content_length, blocks_);
        decoded_ = nullptr;  // the views of head_ may point to where the bytes were before
        return Next::again;
    }
    return begin_collecting(connection);
}

Conversation::Next Conversation::begin_collecting(Connection& connection) {
    connection.body = std::make_unique<BodyCollector>(
        head_.is_chunked ? BodyCollector::Framing::chunked : BodyCollector::Framing::length, head_.content_length,
        BodyCollector::Limits{.memory = shared_.config.limits.body_memory, .body = shared_.limits.body});
    return feed_first(connection);
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
