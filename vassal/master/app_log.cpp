// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/app_log.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <utility>

#include "common/link/channel.h"
#include "common/log/line_level.h"
#include "common/log/text.h"
#include "common/scoreboard/scoreboard.h"

namespace vassal::master {

namespace {

using common::link::LogRecord;
using common::link::LogStream;

constexpr std::string_view streams[] = {"out", "err", "master", "access"};
constexpr int own_output_patience_ms = 1000;
constexpr int access_output_patience_ms = 100;  // and none at all after it was in vain once

std::int64_t epoch_us() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace

AppLog::AppLog(Options options)
    : options_(std::move(options)),
      file_([this](const std::string& problem, std::uint64_t lost) { file_troubled(problem, lost); }) {}

void AppLog::line(LogStream stream, int worker, std::string_view text) {
    put(stream, worker, text, to_journal(stream, worker, text));
}

bool AppLog::to_journal(LogStream stream, int worker, std::string_view text) {
    if (!journal_) return false;
    static constexpr std::string_view priorities[] = {"7", "6", "4", "3"};  // of syslog.h, by level
    const auto level = static_cast<std::size_t>(common::log::level_of_line(text));
    const Journal::Outcome outcome = journal_->send({{"MESSAGE", text},
                                                     {"PRIORITY", priorities[level]},
                                                     {"SYSLOG_IDENTIFIER", options_.vassal},
                                                     {"EMPEROR_VASSAL", options_.vassal},
                                                     {"EMPEROR_GENERATION", std::to_string(options_.generation)},
                                                     {"EMPEROR_WORKER", std::to_string(worker)},
                                                     {"EMPEROR_STREAM", streams[static_cast<std::size_t>(stream)]}});
    if (outcome == Journal::Outcome::lost && options_.board != nullptr)
        options_.board->log_journal_dropped.fetch_add(1, std::memory_order_relaxed);
    return outcome == Journal::Outcome::taken;
}

void AppLog::put(LogStream stream, int worker, std::string_view text, bool is_journaled) {
    LogRecord record;
    record.is_journaled = is_journaled;
    record.stream = stream;
    record.worker = static_cast<std::uint16_t>(worker);
    record.generation = options_.generation;
    record.time_us = epoch_us();
    record.text = std::string(text.substr(0, common::link::max_line_size));
    if (options_.board != nullptr) common::scoreboard::append_log(*options_.board, record);
    to_channel(record);
    const bool is_json = format_ == common::config::LogFormat::json;
    const std::string json = is_json && (file_.is_used() || options_.is_standalone) ? json_of(record) : "";
    if (options_.is_standalone) to_own_output(stream, is_json ? json : std::string(text), is_json);
    if (!file_.is_used()) return;
    if (is_json) file_.add(json);
    else file_.add((stream == LogStream::master ? "emperor: " : "") + common::log::escape(text, true));
    if (file_.is_full()) flush();
}

std::string AppLog::json_of(const LogRecord& record) const {
    return common::log::json_line(record.time_us, common::log::level_of_line(record.text), "app",
                                  {{"vassal", options_.vassal},
                                   {"generation", record.generation},
                                   {"worker", record.worker},
                                   {"stream", streams[static_cast<std::size_t>(record.stream)]},
                                   {"text", record.text}});
}

// One entry of the journal, also where it is a traceback of many lines.
void AppLog::say(std::string_view text, int worker) {
    while (text.ends_with('\n')) text.remove_suffix(1);
    const bool is_journaled = !text.empty() && to_journal(LogStream::master, worker, text);
    while (!text.empty()) {
        const std::size_t newline = text.find('\n');
        put(LogStream::master, worker, text.substr(0, newline), is_journaled);
        text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    }
    flush();
}

void AppLog::use(const common::config::LogConfig& config) {
    format_ = config.format;
    const bool is_wanted = config.journal == common::config::LogJournal::on ||
                           (config.journal == common::config::LogJournal::automatic && options_.is_journal_wanted);
    if (!is_wanted) journal_.reset();
    else if (!journal_ && !options_.journal.empty()) journal_.emplace(options_.journal);
    file_.use(config.file, config.rotate);
}

void AppLog::flush() { lost_by_file(file_.flush()); }

void AppLog::lost_by_file(std::uint64_t lines) {
    if (lines > 0 && options_.board != nullptr) options_.board->log_file_dropped.fetch_add(lines, std::memory_order_relaxed);
}

void AppLog::file_troubled(const std::string& problem, std::uint64_t lost) {
    file_problem_ = problem.empty() ? "" : "log.file: " + problem;
    if (!problem.empty()) say(file_problem_);
    else say(std::string("log.file: ") + (file_.is_used() ? "it is written again" : "it is no longer used") +
             (lost > 0 ? "; " + std::to_string(lost) + " lines are lost" : std::string()));
    if (on_file_trouble) on_file_trouble(file_problem_);
}

std::size_t AppLog::access_lines(std::string_view lines) {
    std::string_view lost;
    if (file_.is_used()) {
        flush();
        return file_.write(lines);
    }
    if (options_.is_standalone) {
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
void AppLog::to_own_output(LogStream stream, std::string_view text, bool is_json) {
    const int fd = stream == LogStream::out ? STDOUT_FILENO : STDERR_FILENO;
    std::string bytes = stream == LogStream::master && !is_json ? "vassal: " : "";
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
