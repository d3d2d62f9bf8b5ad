// SPDX-License-Identifier: Apache-2.0
// Where lines of the log end: a file, or a standard stream that somebody else reads. Writing never waits for a reader: what
// a pipe, terminal or socket does not take at once is kept, up to a bound, and what a file does not take is lost; lines
// beyond are dropped whole and counted. Owned by the log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/unique_fd.h"

namespace common::log {

class Output {
public:
    static constexpr std::size_t backlog_size = 1 << 20;  // bytes

    // `fd` is borrowed and never changed: others share its description, so that it stays blocking for them.
    explicit Output(int fd);
    explicit Output(UniqueFd file);

    // One line with its newline. False: it is dropped.
    [[nodiscard]] bool write(std::string_view line);
    // What was kept, as far as it is taken now.
    void drain();
    [[nodiscard]] bool has_backlog() const noexcept { return !backlog_.empty(); }
    // The descriptor is a stream to the journal: device and inode as JOURNAL_STREAM says them.
    [[nodiscard]] bool is_journal_stream(std::string_view journal_stream) const;

private:
    enum class Kind { file, socket, pollable };

    void look_at(int fd);
    // How many bytes were taken; none: nothing can be now. Negative: an error.
    [[nodiscard]] ssize_t try_write(std::string_view bytes) const;

    UniqueFd own_;  // a description of our own
    int fd_ = -1;
    Kind kind_ = Kind::file;
    std::string backlog_;
    bool is_torn_ = false;  // a file that was full holds half a line
};

}  // namespace common::log
