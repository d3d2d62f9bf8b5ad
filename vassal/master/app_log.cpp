// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/app_log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstring>
#include <utility>

#include "common/link/channel.h"
#include "common/scoreboard/scoreboard.h"

namespace vassal::master {

namespace {

using common::link::LogRecord;
using common::link::LogStream;

constexpr std::size_t collect_at_most = 64 * 1024;
constexpr int own_output_patience_ms = 1000;
constexpr int access_output_patience_ms = 100;  // and none at all after it was in vain once

std::int64_t epoch_us() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace

void AppLog::line(LogStream stream, int worker, std::string_view text) {
    LogRecord record;
    record.stream = stream;
    record.worker = static_cast<std::uint16_t>(worker);
    record.generation = options_.generation;
    record.time_us = epoch_us();
    record.text = std::string(text.substr(0, common::link::max_line_size));
    if (options_.board != nullptr) common::scoreboard::append_log(*options_.board, record);
    to_channel(record);
    if (options_.is_standalone) to_own_output(stream, text);
    if (!file_) return;
    if (stream == LogStream::master) collected_ += "emperor: ";
    collected_.append(text).push_back('\n');
    if (collected_.size() >= collect_at_most) flush();
}

void AppLog::say(std::string_view text, int worker) {
    while (!text.empty()) {
        const std::size_t newline = text.find('\n');
        line(LogStream::master, worker, text.substr(0, newline));
        text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    }
    flush();
}

void AppLog::use_file(std::string path) {
    flush();
    file_.reset();
    has_reported_file_ = false;
    path_ = std::move(path);
    open_file();
}

void AppLog::reopen() {
    flush();
    has_reported_file_ = false;
    open_file();
}

void AppLog::flush() {
    static_cast<void>(write_to_file(collected_));
    collected_.clear();
}

std::string_view AppLog::write_to_file(std::string_view bytes) {
    while (file_ && !bytes.empty()) {
        const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            file_failed("write", errno);
            break;
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
        if (bytes.empty()) has_reported_file_ = false;
    }
    return bytes;
}

std::size_t AppLog::access_lines(std::string_view lines) {
    std::string_view lost;
    if (file_) {
        flush();
        lost = write_to_file(lines);
    } else if (options_.is_standalone) {
        lost = access_to_stdout(lines);
    } else {
        const LogRecord record{.stream = LogStream::access,
                               .generation = options_.generation,
                               .time_us = epoch_us(),
                               .text = std::string(lines)};
        if (!send(record)) lost = lines;
    }
    return static_cast<std::size_t>(std::ranges::count(lost, '\n'));
}

void AppLog::open_file() {
    if (path_.empty()) return;
    // Non-blocking, so that a FIFO at this path without a reader is an error and not a hang.
    file_.reset(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640));
    if (!file_) file_failed("open", errno);
}

void AppLog::file_failed(std::string_view what, int number) {
    if (std::exchange(has_reported_file_, true)) return;
    say("log.file: " + std::string(what) + " " + path_ + ": " + std::strerror(number));
}

bool AppLog::send(const LogRecord& record) {
    if (!channel_) return false;
    const auto sent = common::link::send(channel_.get(), common::link::encode(record));
    if (sent) return true;
    if (sent.error().code.value() == EPIPE || sent.error().code.value() == ECONNRESET)
        channel_.reset();  // nobody reads it any more; a new emperor brings a new one
    return false;
}

void AppLog::to_channel(LogRecord& record) {
    if (options_.is_standalone) return;
    record.dropped = dropped_;
    if (send(record)) {
        dropped_ = 0;
        return;
    }
    ++dropped_;
    if (options_.board != nullptr) options_.board->log_dropped.fetch_add(1, std::memory_order_relaxed);
}

// A terminal or pipe that nobody reads costs the line, never the supervision.
void AppLog::to_own_output(LogStream stream, std::string_view text) {
    const int fd = stream == LogStream::out ? STDOUT_FILENO : STDERR_FILENO;
    std::string bytes = stream == LogStream::master ? "vassal: " : "";
    bytes.append(text).push_back('\n');
    std::string_view rest = bytes;
    while (!rest.empty()) {
        pollfd ready{fd, POLLOUT, 0};
        if (::poll(&ready, 1, own_output_patience_ms) <= 0 || (ready.revents & POLLOUT) == 0) return;
        const ssize_t written = ::write(fd, rest.data(), std::min<std::size_t>(rest.size(), PIPE_BUF));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
}

// As above, for many lines at once. A pipe takes PIPE_BUF bytes without waiting when poll() says so, a file any number.
std::string_view AppLog::access_to_stdout(std::string_view lines) {
    struct stat status {};
    const bool is_file = ::fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode);
    while (!lines.empty()) {
        pollfd ready{STDOUT_FILENO, POLLOUT, 0};
        const int patience = is_stdout_stuck_ ? 0 : access_output_patience_ms;
        if (::poll(&ready, 1, patience) <= 0 || (ready.revents & POLLOUT) == 0) break;
        // Whole lines where they fit, so that what others write to the pipe stands between them.
        std::size_t size = std::min<std::size_t>(lines.size(), is_file ? lines.size() : PIPE_BUF);
        if (const std::size_t newline = lines.rfind('\n', size - 1); newline != lines.npos) size = newline + 1;
        const ssize_t written = ::write(STDOUT_FILENO, lines.data(), size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break;
        lines.remove_prefix(static_cast<std::size_t>(written));
    }
    is_stdout_stuck_ = !lines.empty();
    return lines;
}

}  // namespace vassal::master
