// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/worker/output.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "vassal/protocol/fastcgi.h"

namespace vassal::worker {
namespace {

constexpr std::uint64_t turn = 4 << 20;  // of a file: a quick client's download does not hold the thread

SendState state_of_errno() noexcept {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return SendState::full;
    return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? SendState::gone : SendState::failed;
}

void consume(std::span<iovec>& parts, std::size_t count) noexcept {
    while (!parts.empty() && count >= parts.front().iov_len) {
        count -= parts.front().iov_len;
        parts.front().iov_len = 0;
        parts = parts.subspan(1);
    }
    if (count == 0) return;
    parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + count;
    parts.front().iov_len -= count;
}

}  // namespace

SendResult send_parts(int fd, std::span<iovec> parts, bool more_follows) noexcept {
    SendResult result;
    consume(parts, 0);
    while (!parts.empty()) {
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL | (more_follows ? MSG_MORE : 0));
        if (sent < 0) {
            if (errno == EINTR) continue;
            result.state = state_of_errno();
            return result;
        }
        result.sent += static_cast<std::uint64_t>(sent);
        consume(parts, static_cast<std::size_t>(sent));
    }
    return result;
}

SendResult send_file(int fd, int file, std::uint64_t& offset, std::uint64_t& count) noexcept {
    SendResult result;
    while (count > 0) {
        if (result.sent >= turn) {
            result.state = SendState::full;
            return result;
        }
        auto position = static_cast<off_t>(offset);
        const ssize_t sent = ::sendfile(fd, file, &position, std::min(count, turn - result.sent));
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) {
            result.state = sent == 0 ? SendState::failed : state_of_errno();  // 0: the file became shorter
            return result;
        }
        offset += static_cast<std::uint64_t>(sent);
        count -= static_cast<std::uint64_t>(sent);
        result.sent += static_cast<std::uint64_t>(sent);
    }
    return result;
}

bool Output::append_file(int fd, std::uint64_t offset, std::uint64_t count) {
    file_.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    offset_ = offset;
    count_ = count;
    return static_cast<bool>(file_);
}

bool Output::append_framed_file(int fd, std::uint64_t offset, std::uint64_t count, std::uint16_t id, bool is_complete) {
    request_ = id;
    is_complete_ = is_complete;
    slice_ = 0;
    return append_file(fd, offset, count);
}

void Output::append_held(std::string_view bytes, const app::Hold& hold) noexcept {
    hold.keep(hold.owner);
    hold_ = hold;
    held_ = bytes;
}

void Output::let_go() noexcept {
    hold_.let_go(hold_.owner);
    hold_ = {};
    held_ = {};
}

SendResult Output::flush_view(int fd, std::string_view& view, bool more_follows) noexcept {
    iovec part{const_cast<char*>(view.data()), view.size()};
    const SendResult result = send_parts(fd, {&part, 1}, more_follows);
    view.remove_prefix(static_cast<std::size_t>(result.sent));
    return result;
}

SendResult Output::flush_bytes(int fd) noexcept {
    iovec part{bytes_.data() + at_, left()};
    const SendResult result = send_parts(fd, {&part, 1}, count_ > 0 || !held_.empty());
    at_ += static_cast<std::size_t>(result.sent);
    if (left() == 0) {
        bytes_.clear();
        at_ = 0;
    } else if (at_ > bytes_.size() / 2) {
        bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(at_));
        at_ = 0;
    }
    return result;
}

// Full records need no padding, and the last one may do without. bytes_ is empty, or ends with the header of the slice.
SendResult Output::flush_framed_file(int fd) {
    namespace fastcgi = protocol::fastcgi;
    SendResult total;
    while (total.state == SendState::done && count_ > 0) {
        if (total.sent >= turn) return {SendState::full, total.sent};
        if (slice_ == 0) {
            slice_ = std::min<std::uint64_t>(count_, fastcgi::max_content);
            char header[fastcgi::header_size];
            fastcgi::write_stdout_header(header, request_, slice_, 0);
            append({header, sizeof header});
        }
        SendResult part = flush_bytes(fd);
        total = {part.state, total.sent + part.sent};
        if (total.state != SendState::done) break;
        part = send_file(fd, file_.get(), offset_, slice_);
        count_ -= part.sent;
        total = {part.state, total.sent + part.sent};
    }
    if (count_ > 0) return total;
    if (is_complete_) {
        const auto end = fastcgi::end_of_request(request_);
        append({end.data(), end.size()});
    } else {
        const auto broken = fastcgi::break_of_request(request_);
        append({broken.data(), broken.size()});
    }
    const SendResult last = flush_bytes(fd);
    return {last.state, total.sent + last.sent};
}

SendResult Output::flush(int fd) {
    SendResult total;
    if (left() > 0) total = flush_bytes(fd);
    if (total.state == SendState::done && count_ > 0) {
        const SendResult part = request_ != 0 ? flush_framed_file(fd) : send_file(fd, file_.get(), offset_, count_);
        total = {part.state, total.sent + part.sent};
    }
    for (std::string_view* const view : {&held_, &tail_}) {
        if (total.state != SendState::done || view->empty()) continue;
        const SendResult part = flush_view(fd, *view, view == &held_ && !tail_.empty());
        total = {part.state, total.sent + part.sent};
    }
    return total;
}

// Large memory goes back to the allocator: an idle connection keeps none.
void Output::clear() noexcept {
    if (bytes_.capacity() > 0) bytes_ = {};
    at_ = 0;
    file_.reset();
    count_ = 0;
    tail_ = {};
    request_ = 0;
    slice_ = 0;
}

}  // namespace vassal::worker
