// SPDX-License-Identifier: Apache-2.0
// The end of a response whose application is over its time. Runs in a signal handler: system calls and memory that is
// there already, nothing else. Whatever the interrupted code was about to send fails with EPIPE from then on, so the hot
// path needs no look at a flag before it sends.
#include <sys/socket.h>

#include <array>

#include "vassal/worker/response.h"

namespace vassal::worker {
namespace {

constexpr int max_drained_reads = 64;

// A reset at once where the socket knows one: without framing it alone tells that the end is not the end.
void end_incomplete(int fd) noexcept {
    sockaddr none{};
    none.sa_family = AF_UNSPEC;
    if (::connect(fd, &none, sizeof none) != 0) ::shutdown(fd, SHUT_RDWR);
}

}  // namespace

void end_complete(int fd) noexcept {
    std::array<char, 4096> unread;
    for (int i = 0; i < max_drained_reads; ++i) {
        if (::recv(fd, unread.data(), unread.size(), MSG_DONTWAIT) <= 0) break;
    }
    ::shutdown(fd, SHUT_WR);
}

int ResponseSink::expire(ExpiryText& text) noexcept {
    is_expired_.store(true, std::memory_order_relaxed);
    const int fd = connection_->fd;
    if (is_head_sent_) {
        const bool is_flushed = part_count_ == 0 && connection_->output.is_empty();
        if (is_flushed && is_finished_ && !is_incomplete_) {
            end_complete(fd);
            return head_.status();
        }
        if (is_flushed && context_.is_framed) {  // between two records
            const auto end = protocol::fastcgi::break_of_request(connection_->fastcgi.id);
            static_cast<void>(::send(fd, end.data(), end.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
        }
        end_incomplete(fd);
        return head_.status();
    }
    protocol::ResponseContext context = context_;
    context.is_head = context_.is_http && context_.is_head;
    context.date = {};  // may be in the middle of being written
    body_size_ = context.is_head ? 0 : protocol::status_reply_body_size(504);
    text.fields.clear();
    text.fields.append("X-Request-ID: ");
    text.fields.append(request_id_);
    text.fields.append("\r\n");
    protocol::write_status_reply(504, context, text.reply, text.fields.view());
    std::string_view answer = text.reply.view();
    if (context_.is_framed) {
        text.framed.clear();
        protocol::fastcgi::append_answer(connection_->fastcgi.id, answer, text.framed);
        answer = text.framed.view();
    }
    iovec part{const_cast<char*>(answer.data()), answer.size()};
    const SendResult result = send_parts(fd, {&part, 1}, false);
    meter_.sent(result.sent);
    result.state == SendState::done ? end_complete(fd) : end_incomplete(fd);
    return 504;
}

}  // namespace vassal::worker
