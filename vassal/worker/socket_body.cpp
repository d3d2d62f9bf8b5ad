// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/socket_body.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "vassal/protocol/http.h"
#include "vassal/worker/client_wait.h"
#include "vassal/worker/receive.h"

namespace vassal::worker {
namespace {

using app::BodyEnd;

constexpr std::size_t buffer_size = 64 * 1024;
constexpr std::size_t most_at_once = 256 * 1024;  // with the interpreter lock held
constexpr int max_settling_reads = 2;

}  // namespace

void SocketBody::begin(int fd, std::string_view bytes, BodyDecoder decoder, bool expects_continue) {
    fd_ = fd;
    decoder_.emplace(std::move(decoder));
    raw_ = bytes;
    piece_ = {};
    first_size_ = bytes.size();
    is_first_ = true;
    expects_continue_ = expects_continue && bytes.empty();
    is_reading_ = false;
    end_ = BodyEnd::none;
}

char* SocketBody::buffer() {
    if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(buffer_size);
    return buffer_.get();
}

bool SocketBody::decode() {
    const auto step = decoder_->next(raw_);
    raw_.remove_prefix(step.consumed);
    piece_ = step.data;
    if (const std::string_view replies = decoder_->replies(); !replies.empty() && !decoder_->is_aborted()) {
        if (!sink_.send_aside(replies)) end_ = BodyEnd::client_gone;
        decoder_->forget_replies();
    }
    if (decoder_->is_aborted()) {
        // Its END_REQUEST could fall between the records of an answer: the end of the connection says the same.
        meter_.client_abort();
        sink_.give_up();
        end_ = BodyEnd::client_gone;
    } else if (decoder_->failure() != 0) {
        end_ = decoder_->failure() == 413 ? BodyEnd::too_large : BodyEnd::malformed;
    } else if (decoder_->is_complete() && piece_.empty()) {
        end_ = BodyEnd::complete;
    }
    return end_ == BodyEnd::none;
}

std::size_t SocketBody::receive_now(char* to, std::size_t size) {
    if (const std::uint64_t missing = decoder_->missing(); missing > 0) size = std::min<std::uint64_t>(size, missing);
    const ssize_t count = receive(fd_, to, std::min(size, most_at_once));
    if (count > 0) return static_cast<std::size_t>(count);
    if (count < 0 && would_block()) return 0;
    count < 0 ? meter_.read_error() : meter_.client_abort();
    end_ = BodyEnd::client_gone;
    return 0;
}

std::size_t SocketBody::receive_or_wait(char* to, std::size_t size) {
    if (std::exchange(expects_continue_, false) && !sink_.head_was_sent()) {
        if (!sink_.send_aside(protocol::continue_reply)) end_ = BodyEnd::client_gone;
    }
    while (end_ == BodyEnd::none) {
        if (const std::size_t count = receive_now(to, size); count > 0) return count;
        if (end_ != BodyEnd::none) break;
        if (wait_for_client(fd_, POLLIN, timeout_ms_, application_, meter_)) continue;
        meter_.read_error();
        if (end_ == BodyEnd::none) end_ = BodyEnd::timed_out;
    }
    return 0;
}

std::size_t SocketBody::read(char* to, std::size_t size) {
    is_reading_ = true;
    std::size_t count = 0;
    while (count == 0 && size > 0 && end_ == BodyEnd::none) {
        if (!piece_.empty()) {
            count = std::min(size, piece_.size());
            std::copy_n(piece_.data(), count, to);
            piece_.remove_prefix(count);
        } else if (!raw_.empty() || decoder_->is_complete()) {
            decode();
        } else if (decoder_->missing() > 0) {  // no framing inside: straight to the reader
            count = receive_or_wait(to, size);
            static_cast<void>(decoder_->next({to, count}));
        } else {
            const std::size_t received = receive_or_wait(buffer(), buffer_size);
            raw_ = {buffer_.get(), received};
            is_first_ = false;
        }
    }
    is_reading_ = false;
    return count;
}

void SocketBody::cancel() noexcept {
    if (end_ == BodyEnd::none) end_ = BodyEnd::answered;
    if (is_reading_) ::shutdown(fd_, SHUT_RD);
}

bool SocketBody::settle() {
    if (is_reading_) cancel();
    for (int reads = 0; end_ == BodyEnd::none;) {
        piece_ = {};
        if (!raw_.empty() || decoder_->is_complete()) {
            decode();
            continue;
        }
        if (expects_continue_ || ++reads > max_settling_reads) break;
        raw_ = {buffer(), receive_now(buffer(), buffer_size)};
        is_first_ = false;
        if (raw_.empty()) break;
    }
    if (end_ == BodyEnd::none) end_ = BodyEnd::answered;
    return end_ == BodyEnd::complete;
}

}  // namespace vassal::worker
