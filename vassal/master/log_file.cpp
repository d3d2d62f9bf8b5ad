// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/log_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace vassal::master {

namespace {

constexpr std::size_t collect_at_most = 64 * 1024;
constexpr auto pause_between_attempts = std::chrono::seconds(2);
constexpr int most_files = 1000;  // log.rotate.keep's bound

std::uint64_t lines_of(std::string_view text) {
    return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

}  // namespace

void LogFile::use(const std::string& path, common::config::LogRotation rotation) {
    rotation_ = rotation;
    rotate_next_ = {};
    if (path == path_) return;
    if (!path_.empty()) static_cast<void>(flush());
    file_.reset();
    path_ = path;
    is_torn_ = false;
    const bool had_problem = !std::exchange(problem_, {}).empty();
    const std::uint64_t lost = std::exchange(lost_, 0);
    if (!path_.empty() && !open()) return;
    if (had_problem) on_trouble_("", lost);
}

void LogFile::reopen() {
    if (path_.empty()) return;
    static_cast<void>(open());
}

void LogFile::add(std::string_view line) { collected_.append(line).push_back('\n'); }

bool LogFile::is_full() const noexcept { return collected_.size() >= collect_at_most; }

std::uint64_t LogFile::flush() {
    if (collected_.empty()) return 0;
    const std::string lines = std::exchange(collected_, {});  // what on_trouble_ adds is for the next time
    return write(lines);
}

std::uint64_t LogFile::write(std::string_view lines) {
    if (path_.empty()) return 0;
    look_at_path();
    while (file_ && !lines.empty()) {
        make_room(lines.find('\n') + 1);
        const std::string_view part = lines.substr(0, part_that_fits(lines));
        const std::string_view rest = write_some(part);
        lines.remove_prefix(part.size() - rest.size());
        if (!rest.empty()) break;
    }
    const std::uint64_t lost = lines_of(lines);
    lost_ += lost;
    if (lost == 0 && file_ && rotate_next_ == common::TimePoint{}) mended();
    return lost;
}

// Whole lines, as many as there is room for; one at least.
std::size_t LogFile::part_that_fits(std::string_view lines) const {
    const bool is_bounded = rotation_.size > 0 && is_regular_ && rotate_next_ == common::TimePoint{};
    const std::uint64_t room = rotation_.size > size_ ? rotation_.size - size_ : 0;
    const std::size_t first = lines.find('\n') + 1;
    if (!is_bounded || room >= lines.size()) return lines.size();
    return room <= first ? first : lines.rfind('\n', static_cast<std::size_t>(room) - 1) + 1;
}

// What it did not take.
std::string_view LogFile::write_some(std::string_view lines) {
    // What a full disk cut off must not spoil the next line.
    if (is_torn_ && ::write(file_.get(), "\n", 1) != 1) {
        failed("write " + path_, errno);
        return lines;
    }
    is_torn_ = false;
    char last = '\n';
    while (!lines.empty()) {
        const ssize_t written = ::write(file_.get(), lines.data(), lines.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            is_torn_ = last != '\n';
            failed("write " + path_, errno);
            break;
        }
        last = lines[static_cast<std::size_t>(written) - 1];
        lines.remove_prefix(static_cast<std::size_t>(written));
        size_ += static_cast<std::uint64_t>(written);
    }
    return lines;
}

bool LogFile::open() {
    try_next_ = common::Clock::now() + pause_between_attempts;
    // Non-blocking, so that a FIFO at this path without a reader is an error and not a hang.
    common::UniqueFd opened(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640));
    struct stat status {};
    const int number = !opened || ::fstat(opened.get(), &status) != 0 ? errno : 0;
    file_ = number == 0 ? std::move(opened) : common::UniqueFd();
    if (number != 0) {
        failed("open " + path_, number);
        return false;
    }
    device_ = status.st_dev;
    inode_ = status.st_ino;
    size_ = static_cast<std::uint64_t>(status.st_size);
    is_regular_ = S_ISREG(status.st_mode);
    return true;
}

bool LogFile::is_at_path() const {
    struct stat status {};
    return ::stat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
}

// Who rotates must not write into a file that another master has moved meanwhile. Without rotation a moved file is written
// to until reopen(), as logrotate expects.
void LogFile::look_at_path() {
    if (!file_) {
        if (common::Clock::now() >= try_next_) static_cast<void>(open());
        return;
    }
    if (rotation_.size == 0 || !is_regular_) return;
    struct stat status {};
    const bool is_there = ::stat(path_.c_str(), &status) == 0;
    if (is_there && status.st_dev == device_ && status.st_ino == inode_) size_ = static_cast<std::uint64_t>(status.st_size);
    else if (is_there || errno == ENOENT) static_cast<void>(open());
}

void LogFile::make_room(std::size_t size) {
    if (rotation_.size == 0 || !is_regular_ || size_ == 0 || size_ + size <= rotation_.size) return;
    if (common::Clock::now() < rotate_next_) return;
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) return;  // another master does
    if (is_at_path()) rotate();
    else static_cast<void>(open());
    if (file_) ::flock(file_.get(), LOCK_UN);
}

void LogFile::rotate() {
    const auto name = [this](int number) { return path_ + "." + std::to_string(number); };
    for (int number = rotation_.keep + 1; number <= most_files && ::unlink(name(number).c_str()) == 0; ++number) {}
    for (int number = rotation_.keep - 1; number >= 1; --number)
        static_cast<void>(::rename(name(number).c_str(), name(number + 1).c_str()));
    struct stat status {};
    static_cast<void>(::fstat(file_.get(), &status));
    if (::rename(path_.c_str(), name(1).c_str()) != 0) {
        failed("rotate " + path_, errno);
        rotate_next_ = common::Clock::now() + pause_between_attempts;
        return;
    }
    rotate_next_ = {};
    // The moved file keeps its lock until it is closed: whoever waits for it finds the new one at the path.
    common::UniqueFd moved = std::move(file_);
    if (open()) static_cast<void>(::fchmod(file_.get(), status.st_mode & 0777));
}

void LogFile::failed(const std::string& what, int number) {
    std::string problem = what + ": " + std::strerror(number);
    if (problem == problem_) return;
    problem_ = std::move(problem);
    on_trouble_(problem_, lost_);
}

void LogFile::mended() {
    if (problem_.empty()) return;
    problem_.clear();
    on_trouble_("", std::exchange(lost_, 0));
}

}  // namespace vassal::master
