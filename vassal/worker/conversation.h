// SPDX-License-Identifier: Apache-2.0
// Hot path. One thread's half of the talk with clients: takes a connection that the thread owns and drives it until it
// is closed or armed in the reactor again. Reads heads and bodies, calls the application, finishes responses.
#pragma once

#include <cstdint>
#include <memory>

#include "vassal/protocol/protocol.h"
#include "vassal/protocol/response_head.h"
#include "vassal/worker/access_writer.h"
#include "vassal/worker/connection_pool.h"
#include "vassal/worker/expiry.h"
#include "vassal/worker/interpreter_lock.h"
#include "vassal/worker/meter.h"
#include "vassal/worker/request_ids.h"
#include "vassal/worker/response.h"
#include "vassal/worker/shared.h"
#include "vassal/worker/slow_sample.h"
#include "vassal/worker/socket_body.h"

namespace vassal::worker {

class Conversation {
public:
    // `thread`: the index of the calling thread.
    Conversation(Shared& shared, InterpreterLock& lock, std::size_t thread);

    // Null: no slot is left. Otherwise owned by the caller, who fills fd and peer, and open()s or drops it.
    [[nodiscard]] Connection* take_slot(std::size_t listener);
    void drop_slot(Connection& connection) noexcept { slots_.give(connection); }

    void open(Connection& connection) {
        if (expects_proxies_ && connection.protocol == common::net::Protocol::http) expect_proxy_header(connection);
        drive(connection);
    }
    void drive(Connection& connection) { go(connection, Next::again); }
    // The deadline of an armed connection passed and the caller claimed it.
    void time_out(Connection& connection);

private:
    enum class Next { again, wait_to_read, wait_to_write, requeue, close };

    void go(Connection& connection, Next next);
    [[nodiscard]] Next step(Connection& connection);
    // False: an event came in between, or the connection had to be closed (`next` says which).
    [[nodiscard]] bool arm(Connection& connection, Next& next);
    [[nodiscard]] std::int64_t deadline_of(Connection& connection) const noexcept;
    void show_unfinished(Connection& connection, bool is_unfinished) noexcept;
    void close(Connection& connection) noexcept;
    void clear_output(Connection& connection) noexcept;

    // conversation.cpp: heads
    enum class Received { some, nothing_yet, end };
    // Into connection.input, which has room for at least one byte afterwards.
    [[nodiscard]] Received receive_head(Connection& connection, std::size_t wanted);
    [[nodiscard]] Next read_head(Connection& connection);
    [[nodiscard]] protocol::Decoded decode(Connection& connection, protocol::HttpScan& scan,
                                           protocol::FastCgiScan& fastcgi);

    // conversation_body.cpp: bodies
    [[nodiscard]] Next begin_request(Connection& connection, std::size_t head_size);
    // Of a body that is not there yet: collects it, or calls the app, which reads it.
    [[nodiscard]] Next begin_body(Connection& connection, BodyDecoder decoder);
    [[nodiscard]] BodyDecoder::Limits body_limits() const noexcept {
        return {.body = shared_.limits.body, .trailer = shared_.limits.header_size};
    }
    [[nodiscard]] Next feed_first(Connection& connection);
    [[nodiscard]] Next read_inline_body(Connection& connection);
    [[nodiscard]] Next read_collected_body(Connection& connection);

    // conversation_proxy.cpp: what a trusted proxy says before the first head
    void expect_proxy_header(Connection& connection) noexcept;
    [[nodiscard]] Next read_proxy_header(Connection& connection);

    // conversation_fastcgi.cpp: what only FastCGI knows
    // Slots of other protocols never hold anything here.
    static void forget_request(Connection& connection) noexcept {
        connection.fastcgi = {};
        connection.body_tail = 0;
    }
    [[nodiscard]] Next begin_stdin(Connection& connection);
    [[nodiscard]] Next skip(Connection& connection, std::size_t size);
    [[nodiscard]] Next abort_request(Connection& connection, std::string_view rest);
    // False: the client does not take them.
    [[nodiscard]] bool send_replies(Connection& connection);
    [[nodiscard]] bool send_body_replies(Connection& connection);

    // conversation_answer.cpp: answers
    // `body`: what the app is to read from the connection; null: the body is there.
    [[nodiscard]] Next serve(Connection& connection, SocketBody* body = nullptr);
    [[nodiscard]] Next after_serve(Connection& connection, const ResponseSink::Outcome& outcome);
    [[nodiscard]] Next after_response(Connection& connection);
    [[nodiscard]] Next write(Connection& connection);
    [[nodiscard]] static Next close_broken(Connection& connection) noexcept;
    [[nodiscard]] Next refuse(Connection& connection, int status);
    [[nodiscard]] Next pong(Connection& connection);
    [[nodiscard]] Next reply(Connection& connection, std::string_view bytes);
    [[nodiscard]] Next begin_lingering(Connection& connection);
    [[nodiscard]] Next linger(Connection& connection);
    [[nodiscard]] std::string_view date() noexcept;
    [[nodiscard]] char* scratch();

    // conversation_access.cpp: the access log
    void log_answer(const app::Request& request, const ResponseSink::Outcome& outcome, std::int64_t began_us,
                    std::int64_t ended_us) noexcept;
    void log_refusal(Connection& connection, int status);

    static constexpr std::size_t scratch_size = 64 * 1024;

    Shared& shared_;
    const bool expects_proxies_;
    InterpreterLock& lock_;
    Meter meter_;
    ConnectionCache slots_;
    BlockPool blocks_;
    ResponseSink sink_;
    SocketBody socket_body_;
    AccessWriter access_;
    RequestIds request_ids_;
    Expiry expiry_;
    SlowSample slow_;
    protocol::Head head_;
    const Connection* decoded_ = nullptr;  // whose head head_ holds, since the last wait
    protocol::HttpDate date_;
    protocol::TextBuffer text_;
    std::unique_ptr<char[]> scratch_;
    int served_in_a_row_ = 0;
};

}  // namespace vassal::worker
