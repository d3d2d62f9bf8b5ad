// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/app_log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

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
    path_ = std::move(path);
    open_file();
}

void AppLog::reopen() {
    flush();
    has_reported_file_ = false;
    open_file();
}

void AppLog::flush() {
    std::string_view rest = collected_;
    while (file_ && !rest.empty()) {
        const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            collected_.clear();
            return file_failed("write", errno);
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
        if (rest.empty()) has_reported_file_ = false;
    }
    collected_.clear();
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

void AppLog::to_channel(LogRecord& record) {
    if (options_.is_standalone) return;
    if (channel_) {
        record.dropped = dropped_;
        if (const auto sent = common::link::send(channel_.get(), common::link::encode(record)); sent) {
            dropped_ = 0;
            return;
        } else if (sent.error().code.value() == EPIPE || sent.error().code.value() == ECONNRESET) {
            channel_.reset();  // nobody reads it any more; a new emperor brings a new one
        }
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

}  // namespace vassal::master
