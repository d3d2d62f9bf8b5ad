// SPDX-License-Identifier: Apache-2.0
// Where the lines of an app go: the scoreboard's ring, the log channel to the emperor, log.file, or (stand-alone) the
// program's own output. Owned by Master. No sink can stop another or the app: what a sink does not take is dropped and
// counted; only a log.file on a slow disk makes the master wait, and then the app's pipe still has its 1 MiB.
// Lines are written to log.file with control characters escaped, as text or as JSON (log.format); stand-alone the own output is
// as the app wrote it, or JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/unique_fd.h"
#include "common/link/log_record.h"
#include "common/config/vassal_config.h"
#include "common/scoreboard/layout.h"
#include "vassal/master/journal.h"
#include "vassal/master/log_file.h"

namespace vassal::master {

class AppLog {
public:
    struct Options {
        common::scoreboard::Board* board = nullptr;  // outlives the log
        std::string vassal = {};
        std::uint32_t generation = 0;
        std::string journal = {};        // its socket
        bool is_journal_wanted = false;  // what log.journal: auto means here
        bool is_standalone = false; // lines also go to the own stdout and stderr as they are
    };

    explicit AppLog(Options options);
    AppLog(const AppLog&) = delete;
    AppLog& operator=(const AppLog&) = delete;

    void line(common::link::LogStream stream, int worker, std::string_view text);
    // Lines of the access log, newlines included, at most link::max_batch_size bytes: to log.file if there is one, else
    // to the emperor or the own stdout. Never into the scoreboard's ring, whose 200 lines explain a failure. Returns how
    // many lines were not taken.
    [[nodiscard]] std::size_t access_lines(std::string_view lines);
    // The vassal's own words about the app ("request timeout: …"); `text` may have several lines.
    void say(std::string_view text, int worker = 0);
    void use_channel(common::UniqueFd channel) { channel_ = std::move(channel); }
    // log.file, its rotation and format, in place of earlier ones. What is wrong with the file is said in the log, once, and
    // told to on_file_trouble; so is its end.
    void use(const common::config::LogConfig& config);
    void reopen() { file_.reopen(); }
    std::function<void(const std::string& problem)> on_file_trouble;
    // What is wrong with log.file now; empty: nothing.
    [[nodiscard]] const std::string& file_problem() const noexcept { return file_problem_; }
    // Writes what was collected for log.file; call it after each burst of lines.
    void flush();

private:
    void file_troubled(const std::string& problem, std::uint64_t lost);
    void lost_by_file(std::uint64_t lines);
    void put(common::link::LogStream stream, int worker, std::string_view text, bool is_journaled);
    // True: the journal has it.
    [[nodiscard]] bool to_journal(common::link::LogStream stream, int worker, std::string_view text);
    [[nodiscard]] std::string json_of(const common::link::LogRecord& record) const;
    void to_channel(common::link::LogRecord& record);
    // False: it is lost.
    [[nodiscard]] bool send(const common::link::LogRecord& record);
    void to_own_output(common::link::LogStream stream, std::string_view text, bool is_json);
    [[nodiscard]] std::string_view access_to_stdout(std::string_view lines);

    Options options_;
    common::UniqueFd channel_;
    common::config::LogFormat format_ = common::config::LogFormat::text;
    LogFile file_;
    std::string file_problem_;
    std::optional<Journal> journal_;
    std::uint64_t dropped_ = 0;      // since the last record that the emperor got
    bool is_stdout_stuck_ = false;   // nobody took the last access lines
};

}  // namespace vassal::master
