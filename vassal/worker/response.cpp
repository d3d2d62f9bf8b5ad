// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/worker/response.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "vassal/worker/client_wait.h"
#include "vassal/worker/note.h"
#include "vassal/worker/socket_body.h"

namespace vassal::worker {
namespace {

constexpr std::size_t max_unsent = 1 << 20;  // of a generator, before its thread waits for the client
constexpr std::string_view crlf = "\r\n";
constexpr std::string_view last_chunk = "0\r\n\r\n";
constexpr std::string_view chunk_end_and_last = "\r\n0\r\n\r\n";

}  // namespace

void ResponseSink::begin(Connection& connection, const protocol::ResponseContext& context,
                         std::string_view request_id, std::int64_t now_us, SocketBody* body) noexcept {
    request_id_ = request_id;
    connection_ = &connection;
    began_us_ = now_us;
    context_ = context;
    body_ = body;
    head_.reset();
    fields_.clear();
    part_count_ = 0;
    record_count_ = record_size_ = 0;
    body_left_ = 0;
    body_size_ = 0;
    is_head_sent_ = is_finished_ = is_gone_ = is_incomplete_ = false;
    is_expired_.store(false, std::memory_order_relaxed);
}

ResponseSink::Outcome ResponseSink::end() {
    if (!is_finished_) abort();
    if (context_.is_framed) close_if_draining();
    const bool is_expired = is_expired_.load(std::memory_order_relaxed);
    const bool is_unread = body_ != nullptr && !body_->settle();
    return {.status = head_.is_started() ? head_.status() : 500,
            .body_size = body_size_,
            .is_gone = is_gone_ || is_expired,
            .keep_alive = head_.keep_alive() && !is_gone_ && !is_incomplete_ && !is_unread,
            .is_incomplete = is_incomplete_,
            .is_expired = is_expired,
            .is_unread = is_unread,
            .beyond_body = body_ != nullptr ? body_->beyond() : std::string_view()};
}

void ResponseSink::start(std::string_view status) {
    if (!is_head_sent_) head_.start(context_, status);
}

void ResponseSink::header(std::string_view name, std::string_view value) {
    if (!is_head_sent_) head_.header(name, value);
}

void ResponseSink::finish_head(std::optional<std::uint64_t> total) {
    if (is_head_sent_) return;
    if (context_.is_http) close_if_draining();
    // The answer is whole before the body was read: what is left of that must not pass for the next request.
    if (body_ != nullptr && is_finished_ && !body_->settle()) head_.close_afterwards();
    head_.finish(total);
    body_left_ = head_.length();
    is_head_sent_ = true;
    std::atomic_signal_fence(std::memory_order_seq_cst);  // before any byte is sent: expire() looks at it
    push(head_.bytes());
}

std::uint64_t ResponseSink::admit(std::uint64_t size) noexcept {
    if (head_.framing() == protocol::BodyFraming::none) return 0;
    if (head_.framing() != protocol::BodyFraming::length) {
        body_size_ += size;
        return size;
    }
    if (size > body_left_ && !has_noted_excess_) {
        has_noted_excess_ = true;  // once per thread: an app that does it does it always
        note("the app sent more body than its Content-Length says; the rest was cut");
    }
    const std::uint64_t admitted = std::min(size, body_left_);
    body_left_ -= admitted;
    body_size_ += admitted;
    return admitted;
}

void ResponseSink::push(std::string_view part) {
    if (part.empty()) return;
    if (context_.is_framed) return push_framed(part);
    if (part_count_ == parts_.size()) flush_parts(true);
    push_raw(part);
}

// One chunk line lives at a time: it is pushed at most once between two flushes.
void ResponseSink::push_chunk_begin(std::uint64_t size) {
    const auto [end, error] = std::to_chars(chunk_line_.data(), chunk_line_.data() + 16, size, 16);
    char* const last = std::copy(crlf.begin(), crlf.end(), end);
    push({chunk_line_.data(), static_cast<std::size_t>(last - chunk_line_.data())});
}

void ResponseSink::take(const SendResult& result) noexcept {
    meter_.sent(result.sent);
    switch (result.state) {
        case SendState::done:
        case SendState::full: return;
        case SendState::gone:
            if (!is_expired()) meter_.client_abort();
            break;
        case SendState::failed:
            if (connection_->fd >= 0) meter_.write_error();  // the response is not that of a forked child
            break;
    }
    is_gone_ = true;
}

bool ResponseSink::flush_output() noexcept {
    if (connection_->output.is_empty()) return true;
    if (!is_gone_) take(connection_->output.flush(connection_->fd));
    return !is_gone_ && connection_->output.is_empty();
}

void ResponseSink::flush_parts(bool more_follows) {
    if (record_size_ > 0) end_record();
    const std::span<iovec> parts(parts_.data(), part_count_);
    part_count_ = 0;
    record_count_ = 0;
    const bool may_send = flush_output();
    if (is_gone_) return;
    if (may_send) take(send_parts(connection_->fd, parts, more_follows));
    if (is_gone_) return;
    keep_unsent(parts);
}

// Behind what is held there is at most one part, which is static: the end of a chunked body.
void ResponseSink::keep_unsent(std::span<const iovec> parts) {
    for (const iovec& part : parts) {
        const std::string_view bytes(static_cast<const char*>(part.iov_base), part.iov_len);
        if (bytes.empty()) continue;
        if (connection_->output.is_holding()) {
            connection_->output.append_tail(bytes);
        } else if (bytes.size() >= app::worth_holding && bytes.end() == held_chunk_.end()) {
            connection_->output.append_held(bytes, *hold_);
        } else {
            connection_->output.append(bytes);
        }
    }
}

void ResponseSink::wait_until_unsent_is_at_most(std::size_t most) {
    while (!is_gone_ && connection_->output.left() > most) {
        if (wait_for_client(connection_->fd, POLLOUT, write_timeout_ms_, application_, meter_)) {
            flush_output();
        } else {
            meter_.write_error();
            is_gone_ = true;
        }
    }
}

bool ResponseSink::send_aside(std::string_view bytes) {
    if (is_gone_) return false;
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    if (flush_output()) take(send_parts(connection_->fd, {&part, 1}, false));
    if (!is_gone_) connection_->output.append({static_cast<const char*>(part.iov_base), part.iov_len});
    return !is_gone_;
}

app::Sent ResponseSink::write(std::string_view chunk) {
    if (is_gone_) return app::Sent::client_gone;
    if (chunk.empty() || !head_.is_started() || is_finished_) return app::Sent::ok;
    finish_head(std::nullopt);
    const std::string_view admitted = chunk.substr(0, admit(chunk.size()));
    const bool is_chunked = head_.framing() == protocol::BodyFraming::chunked;
    if (is_chunked) push_chunk_begin(admitted.size());
    push(admitted);
    if (is_chunked) push(crlf);
    flush_parts(false);
    if (connection_->output.left() > max_unsent) wait_until_unsent_is_at_most(max_unsent / 2);
    return is_gone_ ? app::Sent::client_gone : app::Sent::ok;
}

void ResponseSink::finish(std::span<const std::string_view> chunks) {
    if (is_finished_) return;
    if (!head_.is_started()) return refuse_unanswered();
    is_finished_ = true;
    if (is_gone_) return;
    std::uint64_t total = 0;
    for (const std::string_view chunk : chunks) total += chunk.size();
    finish_head(total);
    const bool is_chunked = head_.framing() == protocol::BodyFraming::chunked;
    if (is_chunked && total > 0) push_chunk_begin(total);
    std::uint64_t admitted = admit(total);
    for (const std::string_view chunk : chunks) {
        const std::string_view part = chunk.substr(0, admitted);
        admitted -= part.size();
        push(part);
    }
    if (is_chunked) push(total > 0 ? chunk_end_and_last : last_chunk);
    is_incomplete_ = head_.framing() == protocol::BodyFraming::length && body_left_ > 0;
    if (context_.is_framed) push_end_of_request();
    flush_parts(false);
}

// FastCGI's record headers stand between slices of the chunk, so it is copied.
void ResponseSink::finish_held(std::string_view chunk, const app::Hold& hold) {
    hold_ = &hold;
    if (!context_.is_framed) held_chunk_ = chunk;
    finish({&chunk, 1});
    held_chunk_ = {};
}

void ResponseSink::finish_file(int fd, std::uint64_t offset, std::uint64_t count) {
    if (is_finished_) return;
    if (!head_.is_started()) return refuse_unanswered();
    is_finished_ = true;
    if (is_gone_) return;
    finish_head(count);
    const bool is_chunked = head_.framing() == protocol::BodyFraming::chunked;
    count = admit(count);
    is_incomplete_ = head_.framing() == protocol::BodyFraming::length && body_left_ > 0;
    if (context_.is_framed) return finish_framed_file(fd, offset, count);
    if (is_chunked && count > 0) push_chunk_begin(count);
    flush_parts(count > 0);
    if (!is_gone_ && count > 0 && connection_->output.is_empty()) {
        const SendResult sent = send_file(connection_->fd, fd, offset, count);
        take(sent);
    }
    if (is_gone_) return;
    if (count > 0 && !connection_->output.append_file(fd, offset, count)) {
        is_incomplete_ = true;
        return;
    }
    if (!is_chunked) return;
    if (connection_->output.is_empty()) {
        push(chunk_end_and_last);
        flush_parts(false);
    } else {
        connection_->output.append_tail(chunk_end_and_last);
    }
}

// The application did not answer at all: the client gets to know.
void ResponseSink::refuse_unanswered() {
    constexpr std::string_view text = "500 Internal Server Error\n";
    start("500 Internal Server Error");
    header("Content-Type", "text/plain; charset=utf-8");
    const std::string_view chunks[] = {text};
    finish(chunks);
}

void ResponseSink::abort() {
    if (is_finished_) return;
    if (!is_head_sent_) {
        head_.reset();
        return refuse_unanswered();
    }
    is_finished_ = true;
    is_incomplete_ = true;
    if (!context_.is_framed) return;
    push_end_of_request();
    flush_parts(false);
}

}  // namespace vassal::worker
