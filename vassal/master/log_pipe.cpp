// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/log_pipe.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace vassal::master {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr int wanted_pipe_size = 1 << 20;
constexpr std::size_t read_size = 64 * 1024;
constexpr int reads_per_turn = 4;  // then others get their turn
constexpr auto partial_line_patience = std::chrono::seconds(1);

}  // namespace

common::Result<PipeEnds> make_log_pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return common::system_error("create a pipe");
    PipeEnds ends{common::UniqueFd(fds[0]), common::UniqueFd(fds[1])};
    // Beyond fs.pipe-user-pages-soft this fails and the default of 64 KiB (or less) stays.
    static_cast<void>(::fcntl(ends.write.get(), F_SETPIPE_SZ, wanted_pipe_size));
    if (::fcntl(ends.read.get(), F_SETFL, O_NONBLOCK) != 0) return common::system_error("make a pipe non-blocking");
    return ends;
}

LogPipe::LogPipe(asio::io_context& io, common::UniqueFd fd, common::link::LogStream stream, int worker, AppLog& log)
    : descriptor_(io, fd.release()), partial_timer_(io), stream_(stream), worker_(worker), log_(log) {
    wait();
}

void LogPipe::finish() {
    is_orphaned_ = true;
    // Bounded: something that outlives the worker may write without end.
    for (int turn = 0; turn < 64 && is_open(); ++turn) {
        int waiting = 0;
        if (::ioctl(descriptor_.native_handle(), FIONREAD, &waiting) != 0 || waiting == 0) break;
        read_some();
    }
    splitter_.flush([this](std::string_view line) { emit(line); });
    log_.flush();
}

void LogPipe::close() {
    error_code ignored;
    descriptor_.close(ignored);
    partial_timer_.cancel();
}

void LogPipe::wait() {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read, [this](error_code error) {
        if (error || !is_open()) return;
        read_some();
        if (is_open()) wait();
    });
}

void LogPipe::read_some() {
    char buffer[read_size];
    for (int turn = 0; turn < reads_per_turn; ++turn) {
        const ssize_t size = ::read(descriptor_.native_handle(), buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (size <= 0) {
            splitter_.flush([this](std::string_view line) { emit(line); });
            close();
            if (on_end) on_end();
            break;
        }
        splitter_.feed({buffer, static_cast<std::size_t>(size)}, [this](std::string_view line) { emit(line); });
        if (static_cast<std::size_t>(size) < sizeof buffer) break;
    }
    log_.flush();
    flush_later();
}

void LogPipe::flush_later() {
    if (!is_open() || !splitter_.has_partial() || std::exchange(is_flush_armed_, true)) return;
    has_line_since_ = false;
    partial_timer_.expires_after(partial_line_patience);
    partial_timer_.async_wait([this](error_code error) {
        is_flush_armed_ = false;
        if (error || !is_open()) return;
        // What is unfinished now is a younger line than the one that the timer was armed for.
        if (has_line_since_) return flush_later();
        splitter_.flush([this](std::string_view line) { emit(line); });
        log_.flush();
    });
}

void LogPipe::emit(std::string_view line) {
    has_line_since_ = true;
    if (on_line) on_line(line);
    log_.line(stream_, worker_, line);
}

}  // namespace vassal::master
