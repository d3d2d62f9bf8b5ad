// SPDX-License-Identifier: Apache-2.0
// Hot path. The answering half of conversation.h.
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>
#include <optional>

#include "vassal/protocol/environ.h"
#include "vassal/protocol/uwsgi.h"
#include "vassal/worker/conversation.h"
#include "vassal/worker/note.h"
#include "vassal/worker/receive.h"

namespace vassal::worker {
namespace {

constexpr int max_served_in_a_row = 16;        // pipelined requests, before other connections have a turn
constexpr std::int64_t linger_us = 2'000'000;  // for a client that goes on sending after its answer
constexpr int max_lingering_reads = 16;

// How long a request waited since the front end took it in; where that is not known, since its first bytes were read.
// The front end's clock may be another machine's: a little in the future is now, hours ago is no clock at all.
std::int64_t waited(const protocol::Head& head, std::int64_t first_bytes_us, std::int64_t now_us) noexcept {
    constexpr std::int64_t believable_us = 3'600'000'000;
    if (head.request_start_us > 0) {
        timespec now{};
        ::clock_gettime(CLOCK_REALTIME, &now);
        const std::int64_t since = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000 - head.request_start_us;
        if (since > -believable_us && since < believable_us) return since;
    }
    return now_us - first_bytes_us;
}

}  // namespace

std::string_view Conversation::date() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return date_.at(now.tv_sec);
}

char* Conversation::scratch() {
    if (!scratch_) scratch_ = std::make_unique_for_overwrite<char[]>(scratch_size);
    return scratch_.get();
}

Conversation::Next Conversation::serve(Connection& connection, SocketBody* body) {
    if (decoded_ != &connection) {
        // The head was decoded before the thread waited; head_ has served other connections since.
        protocol::HttpScan scan;
        protocol::FastCgiScan fastcgi;
        static_cast<void>(decode(connection, scan, fastcgi));
    }
    decoded_ = nullptr;
    if (head_.is_chunked && body == nullptr) {
        const std::uint64_t size = connection.body ? connection.body->size() : connection.inline_body;
        if (connection.body || size > 0) protocol::set_content_length(head_, size);
    }
    std::optional<files::Site::Place> file;
    if (shared_.options.site != nullptr) file = shared_.options.site->find(protocol::url_path(head_));
    const std::string_view bytes = connection.input.bytes();
    const app::Request request{.params = head_.params.all(),
                               .method = head_.method,
                               .url_scheme = head_.url_scheme,
                               .listener = connection.listener,
                               .request_id = head_.request_id.empty() ? request_ids_.next() : head_.request_id,
                               .body = body != nullptr   ? body->body()
                                       : connection.body ? connection.body->body()
                                                         : app::Body{bytes.substr(connection.head_size,
                                                                                  connection.inline_body),
                                                                     -1, connection.inline_body}};
    if (request.body.size > 0 && body == nullptr) meter_.received_body(request.body.size);
    const bool is_http = connection.protocol == common::net::Protocol::http;
    const bool is_fastcgi = connection.protocol == common::net::Protocol::fastcgi;
    const std::int64_t began = now_us();
    sink_.begin(connection,
                {.is_http = is_http,
                 .is_cgi = is_fastcgi || connection.protocol == common::net::Protocol::scgi,
                 .is_framed = is_fastcgi,
                 .is_http11 = head_.is_http11,
                 .is_head = head_.method == "HEAD",
                 .keep_alive = head_.keep_alive && shared_.config.timeouts.keepalive.count() > 0,
                 .date = is_http ? date() : std::string_view()},
                request.request_id, began, body);
    meter_.queued(waited(head_, connection.first_bytes_us, began));
    meter_.begin_request(head_.method, head_.uri, began);
    if (shared_.options.activity != nullptr) shared_.options.activity->note();
    if (file) {
        lock_.release();
        shared_.options.site->serve(*file, request, sink_);
    } else {
        lock_.take();  // its time runs: who waits for a lock that is never let go is answered, too
        shared_.application.serve(request, sink_);
    }
    if (shared_.is_forked_child.load(std::memory_order_relaxed)) ::_exit(0);  // the app forked and came back here
    const ResponseSink::Outcome outcome = sink_.end();
    if (outcome.is_expired) [[unlikely]] {
        expiry_.come_back();
        slow_.forget();
    } else {
        const std::int64_t ended = now_us();
        meter_.end_request(outcome.status, ended - began);
        // In between, the handler of its timeout may have written the record.
        if (access_.is_on() && !sink_.is_expired()) log_answer(request, outcome, began, ended);
        if (slow_.was_taken()) [[unlikely]] slow_.tell_end(request.request_id, outcome.status, ended - began);
    }
    if (body != nullptr) {
        meter_.received_body(body->size());
        connection.inline_body = body->used_of_first();
    }
    return after_serve(connection, outcome);
}

Conversation::Next Conversation::after_serve(Connection& connection, const ResponseSink::Outcome& outcome) {
    connection.input.consume(connection.head_size + connection.inline_body + connection.body_tail);
    if (outcome.beyond_body.size() > 0) connection.input.append(outcome.beyond_body, blocks_);
    connection.body.reset();
    connection.scan = {};
    if (connection.protocol == common::net::Protocol::fastcgi) forget_request(connection);
    connection.phase_deadline_us = 0;
    if (outcome.is_expired) return Next::close;  // expire() has ended it: the 504 must not be lost
    if (outcome.is_gone) return close_broken(connection);
    connection.keep_alive = outcome.keep_alive;
    connection.is_unread = outcome.is_unread || (head_.keep_alive && !outcome.keep_alive);
    connection.is_incomplete = outcome.is_incomplete;
    if (connection.output.is_empty()) return after_response(connection);
    connection.phase = Phase::writing;
    return Next::wait_to_write;
}

Conversation::Next Conversation::after_response(Connection& connection) {
    clear_output(connection);
    if (connection.is_incomplete) return close_broken(connection);
    if (!connection.keep_alive) {
        const bool is_read = !connection.is_unread && connection.input.size() == 0;
        return is_read ? Next::close : begin_lingering(connection);
    }
    if (connection.input.size() == 0) {
        connection.phase = Phase::idle;
        connection.first_bytes_us = 0;  // else what came together waits together
        connection.input.discard(blocks_);
        return Next::wait_to_read;
    }
    connection.phase = Phase::head;
    return ++served_in_a_row_ < max_served_in_a_row ? Next::again : Next::requeue;
}

Conversation::Next Conversation::write(Connection& connection) {
    const SendResult result = connection.output.flush(connection.fd);
    meter_.sent(result.sent);
    switch (result.state) {
        case SendState::done: return after_response(connection);
        case SendState::full: return Next::wait_to_write;
        case SendState::gone: meter_.client_abort(); return Next::close;
        case SendState::failed: meter_.write_error(); return close_broken(connection);
    }
    return Next::close;
}

// Without framing only a reset tells the client that the end is not the end. It may overtake what the kernel has not
// yet sent, which is no loss: the client cannot use a part. Unix sockets know no reset.
Conversation::Next Conversation::close_broken(Connection& connection) noexcept {
    const ::linger now{.l_onoff = 1, .l_linger = 0};
    static_cast<void>(::setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now));
    return Next::close;
}

Conversation::Next Conversation::refuse(Connection& connection, int status) {
    if (status == 507) note("a request body found no room for its temporary file (TMPDIR)");
    meter_.count_response(status);
    if (access_.is_on()) log_refusal(connection, status);
    // A FastCGI client that has begun no request gets plain text: it is none, and a person may read it.
    const std::uint16_t request = connection.fastcgi.id;
    protocol::write_status_reply(status,
                                 {.is_http = connection.protocol == common::net::Protocol::http,
                                  .is_cgi = request != 0 || connection.protocol == common::net::Protocol::scgi,
                                  .date = date()},
                                 text_);
    connection.is_unread = true;
    if (request != 0) {
        protocol::TextBuffer framed;
        protocol::fastcgi::append_answer(request, text_.view(), framed);
        return reply(connection, framed.view());
    }
    return reply(connection, text_.view());
}

Conversation::Next Conversation::pong(Connection& connection) {
    connection.is_unread = false;
    return reply(connection, protocol::ping_reply);
}

// The last words on a connection.
Conversation::Next Conversation::reply(Connection& connection, std::string_view bytes) {
    connection.keep_alive = false;
    connection.body.reset();
    connection.input.discard(blocks_);
    connection.output.append(bytes);
    connection.phase = Phase::writing;
    return write(connection);
}

Conversation::Next Conversation::begin_lingering(Connection& connection) {
    connection.phase = Phase::lingering;
    connection.phase_deadline_us = now_us() + linger_us;
    connection.input.discard(blocks_);
    return ::shutdown(connection.fd, SHUT_WR) == 0 ? Next::again : Next::close;
}

Conversation::Next Conversation::linger(Connection& connection) {
    for (int i = 0; i < max_lingering_reads; ++i) {
        const ssize_t count = receive(connection.fd, scratch(), scratch_size);
        if (count < 0 && would_block()) return Next::wait_to_read;
        if (count <= 0) return Next::close;
    }
    return now_us() < connection.phase_deadline_us ? Next::wait_to_read : Next::close;
}

}  // namespace vassal::worker
