// SPDX-License-Identifier: Apache-2.0
// Hot path. The Response of one thread: collects the head in a reused buffer, sends it together with the first part of
// the body, and leaves what the client does not take at once in the connection's Output. begin() and end() bracket one
// request; the conversation then does what the outcome says.
#pragma once

#include <sys/uio.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "vassal/app/application.h"
#include "vassal/protocol/protocol.h"
#include "vassal/protocol/response_head.h"
#include "vassal/worker/access_fields.h"
#include "vassal/worker/connection.h"
#include "vassal/worker/drain_order.h"
#include "vassal/worker/meter.h"

namespace vassal::worker {

class SocketBody;

// Ends a connection for sending, after its last answer: what the client has sent and nobody read is thrown away, for it
// would turn the close into a reset, which may overtake the answer. Bounded; fit for signal handlers.
void end_complete(int fd) noexcept;

class ResponseSink final : public app::Response {
public:
    struct Outcome {
        int status = 0;
        std::uint64_t body_size = 0;  // what the connection was given; the reactor may still be sending it
        bool is_gone = false;  // the client closed, or a send failed: close at once
        bool keep_alive = false;
        bool is_incomplete = false;  // the client must be able to see that something is missing
        bool is_expired = false;     // see expire()
        bool is_unread = false;      // part of the request's body is still to come
        std::string_view beyond_body;  // what was received behind the end of a body that the app read
    };

    ResponseSink(app::Application& application, Meter& meter, std::int64_t write_timeout_ms,
                 DrainOrder drain_order) noexcept
        : application_(application), meter_(meter), write_timeout_ms_(write_timeout_ms), drain_order_(drain_order) {}

    // `request_id` stays valid until end(). `body`: what the app reads while it answers; null where it was there before.
    void begin(Connection& connection, const protocol::ResponseContext& context, std::string_view request_id,
               std::int64_t now_us, SocketBody* body = nullptr) noexcept;
    [[nodiscard]] Outcome end();

    // Between begin() and end(), in a signal handler of the sink's own thread: answers 504 where nothing was sent, else
    // cuts the response, and ends the connection for sending. What the application still says goes nowhere. Returns the
    // status that the client has got. The buffers have room, so that nothing is allocated.
    struct ExpiryText {
        protocol::TextBuffer fields, reply, framed;
    };
    int expire(ExpiryText& text) noexcept;
    [[nodiscard]] std::string_view request_id() const noexcept { return request_id_; }
    [[nodiscard]] std::uint64_t body_size() const noexcept { return body_size_; }
    [[nodiscard]] bool is_expired() const noexcept { return is_expired_; }

    void start(std::string_view status) override;
    void header(std::string_view name, std::string_view value) override;
    [[nodiscard]] bool has_started() const noexcept override { return head_.is_started(); }
    [[nodiscard]] bool head_was_sent() const noexcept override { return is_head_sent_; }
    [[nodiscard]] app::Sent write(std::string_view chunk) override;
    void finish(std::span<const std::string_view> chunks) override;
    void finish_held(std::string_view chunk, const app::Hold& hold) override;
    void finish_file(int fd, std::uint64_t offset, std::uint64_t count) override;
    void abort() override;
    void note_exception() noexcept override { meter_.exception(); }
    void log_field(std::string_view name, std::string_view value) noexcept override { fields_.add(name, value); }

    // What belongs to the protocol, beside the response. False: the client is gone.
    bool send_aside(std::string_view bytes);
    // The client wants no answer any more.
    void give_up() noexcept { is_gone_ = true; }

    // What the app said for the access log since begin(); turned on by whoever writes that log.
    [[nodiscard]] AccessFields& fields() noexcept { return fields_; }

private:
    void finish_head(std::optional<std::uint64_t> total);
    // As late as the protocol allows: with the head, which says so in HTTP; with the last record in FastCGI.
    void close_if_draining() noexcept {
        if (head_.keep_alive() && drain_order_.is_given(began_us_)) head_.close_afterwards();
    }
    // Cuts `size` to what Content-Length leaves.
    [[nodiscard]] std::uint64_t admit(std::uint64_t size) noexcept;
    void push(std::string_view part);
    void push_raw(std::string_view part) { parts_[part_count_++] = {const_cast<char*>(part.data()), part.size()}; }
    // FastCGI: the same in STDOUT records.
    void push_framed(std::string_view part);
    void begin_record();
    void end_record();
    void push_end_of_request();  // or its break
    void push_chunk_begin(std::uint64_t size);
    void flush_parts(bool more_follows);
    void keep_unsent(std::span<const iovec> parts);
    void take(const SendResult& result) noexcept;
    // Sends what an earlier write() left. True: nothing is left.
    bool flush_output() noexcept;
    // Waits without the interpreter lock until no more than `most` bytes are unsent.
    void wait_until_unsent_is_at_most(std::size_t most);
    void finish_framed_file(int fd, std::uint64_t offset, std::uint64_t count);
    void refuse_unanswered();

    app::Application& application_;
    Meter& meter_;
    std::int64_t write_timeout_ms_;
    DrainOrder drain_order_;
    std::int64_t began_us_ = 0;
    Connection* connection_ = nullptr;
    std::string_view held_chunk_;  // within finish_held()
    const app::Hold* hold_ = nullptr;
    SocketBody* body_ = nullptr;
    protocol::ResponseContext context_;
    std::string_view request_id_;
    protocol::ResponseHead head_;
    AccessFields fields_;
    std::array<iovec, 64> parts_{};
    std::size_t part_count_ = 0;
    std::array<char, 24> chunk_line_{};
    std::array<std::array<char, protocol::fastcgi::header_size>, 22> record_headers_{};  // since the last flush
    std::array<char, protocol::fastcgi::end_size> end_of_request_{};
    std::size_t record_count_ = 0;
    std::size_t record_size_ = 0;  // of the record that is open; 0: none is
    std::uint64_t body_left_ = 0;  // of Content-Length
    std::uint64_t body_size_ = 0;  // so far
    bool is_head_sent_ = false, is_finished_ = false, is_gone_ = false, is_incomplete_ = false,
         has_noted_excess_ = false;
    std::atomic<bool> is_expired_{false};
};

}  // namespace vassal::worker
