// SPDX-License-Identifier: Apache-2.0
// Where the lines of an app go: the scoreboard's ring, the log channel to the emperor, log.file, or (stand-alone) the
// program's own output. Owned by Master. No sink can stop another or the app: what a sink does not take is dropped and
// counted; only a log.file on a slow disk makes the master wait, and then the app's pipe still has its 1 MiB.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/unique_fd.h"
#include "common/link/log_record.h"
#include "common/scoreboard/layout.h"

namespace vassal::master {

class AppLog {
public:
    struct Options {
        common::scoreboard::Board* board = nullptr;  // outlives the log
        std::uint32_t generation = 0;
        bool is_standalone = false; // lines also go to the own stdout and stderr as they are
    };

    explicit AppLog(const Options& options) : options_(options) {}

    void line(common::link::LogStream stream, int worker, std::string_view text);
    // Lines of the access log, newlines included, at most link::max_batch_size bytes: to log.file if there is one, else
    // to the emperor or the own stdout. Never into the scoreboard's ring, whose 200 lines explain a failure. Returns how
    // many lines were not taken.
    [[nodiscard]] std::size_t access_lines(std::string_view lines);
    // The vassal's own words about the app ("request timeout: …"); `text` may have several lines.
    void say(std::string_view text, int worker = 0);
    void use_channel(common::UniqueFd channel) { channel_ = std::move(channel); }
    // log.file, in place of an earlier one; empty: none. What is wrong with it is said in the log, once.
    void use_file(std::string path);
    void reopen();
    // Writes what was collected for log.file; call it after each burst of lines.
    void flush();

private:
    void open_file();
    // What the file did not take.
    [[nodiscard]] std::string_view write_to_file(std::string_view bytes);
    void file_failed(std::string_view what, int number);
    void to_channel(common::link::LogRecord& record);
    // False: it is lost.
    [[nodiscard]] bool send(const common::link::LogRecord& record);
    void to_own_output(common::link::LogStream stream, std::string_view text);
    [[nodiscard]] std::string_view access_to_stdout(std::string_view lines);

    Options options_;
    common::UniqueFd channel_;
    std::string path_;               // of log.file; empty: none
    common::UniqueFd file_;
    std::string collected_;          // for log.file
    std::uint64_t dropped_ = 0;      // since the last record that the emperor got
    bool is_stdout_stuck_ = false;   // nobody took the last access lines
    bool has_reported_file_ = false; // one line per trouble, not per line
};

}  // namespace vassal::master
