// SPDX-License-Identifier: Apache-2.0
#include "common/log/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace common::log {

Output::Output(int fd) : fd_(fd) {
    look_at(fd);
    if (kind_ != Kind::pollable) return;
    // Another description of the same pipe or terminal may be non-blocking without anybody else noticing. Where there is
    // none (another user's terminal), poll() says what can be written.
    own_.reset(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own_) fd_ = own_.get();
}

Output::Output(UniqueFd file) : own_(std::move(file)), fd_(own_.get()) { look_at(fd_); }

void Output::look_at(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return;
    if (S_ISSOCK(status.st_mode)) kind_ = Kind::socket;
    else if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) kind_ = Kind::pollable;
}

bool Output::is_journal_stream(std::string_view journal_stream) const {
    struct stat status {};
    return ::fstat(fd_, &status) == 0 &&
           journal_stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

ssize_t Output::try_write(std::string_view bytes) const {
    for (;;) {
        ssize_t written = 0;
        if (kind_ == Kind::socket) {
            written = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        } else if (kind_ == Kind::file || own_) {
            written = ::write(fd_, bytes.data(), bytes.size());
        } else {
            pollfd ready{fd_, POLLOUT, 0};
            if (::poll(&ready, 1, 0) <= 0) return 0;
            written = ::write(fd_, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
        }
        if (written >= 0) return written;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
        if (errno != EINTR) return -1;
    }
}

bool Output::write(std::string_view line) {
    drain();
    if (kind_ == Kind::file) {
        const std::string mended = is_torn_ ? "\n" : "";
        const ssize_t written = try_write(mended.empty() ? line : mended + std::string(line));
        const std::size_t size = line.size() + mended.size();
        if (written == static_cast<ssize_t>(size)) is_torn_ = false;
        else if (written > static_cast<ssize_t>(mended.size())) is_torn_ = true;
        return written == static_cast<ssize_t>(size);
    }
    if (backlog_.size() + line.size() > backlog_size) return false;
    const ssize_t written = backlog_.empty() ? try_write(line) : 0;
    if (written < 0) return false;  // nobody holds the other end
    backlog_ += line.substr(static_cast<std::size_t>(written));
    return true;
}

void Output::drain() {
    std::size_t done = 0;
    while (done < backlog_.size()) {
        const ssize_t written = try_write(std::string_view(backlog_).substr(done));
        if (written < 0) done = backlog_.size();
        if (written <= 0) break;
        done += static_cast<std::size_t>(written);
    }
    backlog_.erase(0, done);
}

}  // namespace common::log
