// SPDX-License-Identifier: Apache-2.0
// log.file: appended to in bursts, rotated by size, never waited for beyond the disk itself. What it does not take (a full
// disk, a directory without rights) is dropped and counted, its trouble and the end of it are told once each. Owned by
// AppLog.
//
// Two masters may have it open, those of the old and of the new generation. Each looks before it writes whether the path
// still leads to its file, and only the one that holds the file's lock moves it, so that no line is lost or moved twice.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/config/vassal_config.h"

namespace vassal::master {

class LogFile {
public:
    // Called with what is wrong now ("open /x: Permission denied"), or with "" and the number of lines that were lost when
    // it is mended. It may write lines to this file.
    using OnTrouble = std::function<void(const std::string& problem, std::uint64_t lost)>;

    explicit LogFile(OnTrouble on_trouble) : on_trouble_(std::move(on_trouble)) {}

    // In place of an earlier one; an empty path: none. The same path with another rotation stays open.
    void use(const std::string& path, common::config::LogRotation rotation);
    void reopen();
    [[nodiscard]] bool is_used() const noexcept { return !path_.empty(); }

    // Collects a line, without its newline.
    void add(std::string_view line);
    // Writes what was collected. Returns how many lines were lost.
    [[nodiscard]] std::uint64_t flush();
    // Whole lines, at once. Returns how many were lost.
    [[nodiscard]] std::uint64_t write(std::string_view lines);
    [[nodiscard]] bool is_full() const noexcept;  // flush() is due

private:
    [[nodiscard]] bool open();
    void look_at_path();
    void make_room(std::size_t size);
    void rotate();
    [[nodiscard]] bool is_at_path() const;
    [[nodiscard]] std::string_view write_some(std::string_view lines);
    [[nodiscard]] std::size_t part_that_fits(std::string_view lines) const;
    void failed(const std::string& what, int number);
    void mended();

    OnTrouble on_trouble_;
    std::string path_;
    common::config::LogRotation rotation_;
    common::UniqueFd file_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
    std::uint64_t size_ = 0;   // as last seen
    bool is_regular_ = false;  // others are not rotated
    bool is_torn_ = false;     // the last line lacks its end
    std::string collected_;
    std::string problem_;
    std::uint64_t lost_ = 0;   // since the trouble began
    common::TimePoint try_next_{};         // to open
    common::TimePoint rotate_next_{};      // after a failure
};

}  // namespace vassal::master
