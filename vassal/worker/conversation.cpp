// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/worker/conversation.h"

#include <unistd.h>

#include <algorithm>

#include "vassal/protocol/scgi.h"
#include "vassal/protocol/uwsgi.h"
#include "vassal/worker/receive.h"

namespace vassal::worker {

namespace {

AccessWriter access_writer(const Shared& shared, std::size_t thread) {
    if (!shared.access_format) return {};
    const WorkerOptions& options = shared.options;
    return {*shared.access_format, options.access_rings->ring(options.access_set, thread), options.activity};
}

bool is_in_a_request(const Connection& connection) noexcept {
    switch (connection.phase) {
        case Phase::proxy:
        case Phase::head: return connection.input.size() > 0;
        case Phase::body:
        case Phase::writing: return true;
        case Phase::idle:
        case Phase::lingering: break;
    }
    return false;
}

}  // namespace

Conversation::Conversation(Shared& shared, InterpreterLock& lock, std::size_t thread)
    : shared_(shared),
      expects_proxies_(!shared.trusted.empty()),
      lock_(lock),
      meter_(*shared.options.slot, thread),
      slots_(shared.connections),
      sink_(shared.application, meter_, shared.config.timeouts.write.count(),
            DrainOrder(shared.gate, shared.options.link)),
      socket_body_(shared.application, meter_, sink_, shared.config.timeouts.body.count()),
      access_(access_writer(shared, thread)),
      expiry_(shared, shared.options.slot->thread[thread], meter_, sink_, access_, head_),
      slow_(shared, shared.options.slot->thread[thread], sink_) {
    if (access_.wants_fields()) sink_.fields().turn_on();
}

Connection* Conversation::take_slot(std::size_t listener) {
    Connection* const connection = slots_.take();
    if (connection == nullptr) return nullptr;
    connection->phase = Phase::head;
    connection->protocol = shared_.options.listeners[listener].protocol;
    connection->keep_alive = false;
    connection->is_unread = false;
    connection->is_incomplete = false;
    connection->is_unfinished = false;
    connection->listener = static_cast<std::uint8_t>(listener);
    connection->interest = 0;
    connection->phase_deadline_us = 0;
    connection->first_bytes_us = 0;
    connection->scan = {};
    connection->peer.clear();
    connection->local.clear();
    connection->is_https = false;
    connection->owner.store(Owner::owned, std::memory_order_relaxed);
    return connection;
}

void Conversation::close(Connection& connection) noexcept {
    show_unfinished(connection, false);
    ::close(connection.fd);
    connection.fd = -1;
    connection.input.discard(blocks_);
    clear_output(connection);
    connection.body.reset();
    if (connection.protocol == common::net::Protocol::fastcgi) forget_request(connection);
    connection.owner.store(Owner::free, std::memory_order_release);
    slots_.give(connection);
    shared_.gate.give_back();
}

void Conversation::clear_output(Connection& connection) noexcept {
    if (connection.output.is_holding()) {
        lock_.take();
        connection.output.let_go();
    }
    connection.output.clear();
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
        case Phase::proxy: return read_proxy_header(connection);
        case Phase::head:
        case Phase::idle: return read_head(connection);
        case Phase::body: return connection.body ? read_collected_body(connection) : read_inline_body(connection);
        case Phase::writing: return write(connection);
        case Phase::lingering: return linger(connection);
    }
    return Next::close;
}

// Of a slow upload or download nothing else is to be seen from outside: its app has not been called yet, or has returned.
void Conversation::show_unfinished(Connection& connection, bool is_unfinished) noexcept {
    if (connection.is_unfinished == is_unfinished) return;
    connection.is_unfinished = is_unfinished;
    if (is_unfinished) meter_.begin_unfinished();
    else meter_.end_unfinished();
}

bool Conversation::arm(Connection& connection, Next& next) {
    show_unfinished(connection, is_in_a_request(connection));  // before another thread may own it
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
        case Phase::proxy:
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
        case Phase::proxy:
        case Phase::head:
            if (connection.input.size() == 0) return go(connection, Next::close);
            [[fallthrough]];
        case Phase::body: meter_.read_error(); return go(connection, refuse(connection, 408));
        case Phase::writing: meter_.write_error(); return go(connection, close_broken(connection));
        case Phase::idle:
        case Phase::lingering: break;
    }
    go(connection, Next::close);
}

protocol::Decoded Conversation::decode(Connection& connection, protocol::HttpScan& scan,
                                       protocol::FastCgiScan& fastcgi) {
    const WorkerListener& listener = shared_.options.listeners[connection.listener];
    protocol::Facts facts{
        .server_name = listener.server_name.empty() ? std::string_view("localhost") : listener.server_name,
        .server_port = listener.server_port,
        .mount = shared_.config.mount,
        .remote_addr = connection.peer.address(),
        .remote_port = connection.peer.port(),
        .trusted = &shared_.trusted,
        .is_https = connection.is_https};
    if (const std::string_view address = connection.local.address(); !address.empty()) {
        facts.server_name = address;
        facts.server_port = connection.local.port();
    }
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
        switch (receive_head(connection, wanted)) {
            case Received::some: connection.phase = Phase::head; break;
            case Received::nothing_yet: return Next::wait_to_read;
            case Received::end: return Next::close;
        }
    }
}

Conversation::Received Conversation::receive_head(Connection& connection, std::size_t wanted) {
    InputBuffer& input = connection.input;
    input.ensure(wanted, blocks_);
    const ssize_t count = receive(connection.fd, input.free_begin(), input.free_size());
    if (count > 0) {
        if (connection.first_bytes_us == 0) connection.first_bytes_us = now_us();
        input.commit(static_cast<std::size_t>(count));
        return Received::some;
    }
    if (count < 0 && would_block()) {
        input.release_if_empty(blocks_);
        return Received::nothing_yet;
    }
    if (count < 0) meter_.read_error();
    if (input.size() > 0) meter_.client_abort();
    return Received::end;
}

}  // namespace vassal::worker
