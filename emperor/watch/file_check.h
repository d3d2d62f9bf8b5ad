// SPDX-License-Identifier: Apache-2.0
// Opens one entry of a vassal directory without trusting it, and says what speaks against believing it (DESIGN law 11):
// who may write it, who placed the link, what it is. Used by the Scanner. Never blocks on a FIFO, never reads a file
// that it has not checked by its descriptor.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "emperor/watch/scanner.h"

namespace emperor::watch {

struct OpenedFile {
    bool is_gone = false;     // nothing there any more
    bool is_link = false;
    bool is_regular = false;
    bool is_directory = false;
    std::string problem;      // could not be opened: a dangling link, no permission
    common::UniqueFd fd;      // of the target; only of a regular file that can be read
    FileStamp stamp;
    std::int64_t ctime_ns = 0;
    mode_t mode = 0;          // of the target
    uid_t uid = 0;            // of the target
    gid_t gid = 0;
    uid_t link_uid = 0;
    std::string real_path;    // behind a link
};

// A regular file itself, not a link, with this stamp and change time: nothing of it changed, its owner and mode neither. One
// system call where open_entry() takes six.
[[nodiscard]] bool is_as_before(int directory_fd, const std::string& entry, const FileStamp& stamp, std::int64_t ctime_ns);

[[nodiscard]] OpenedFile open_entry(int directory_fd, const std::string& entry);

// Messages for diagnostics, each with the way out; empty: the file may be read and believed.
[[nodiscard]] std::vector<std::string> check_file(const OpenedFile& file, uid_t process_uid, bool is_defaults);

// The whole content, from the start; fails when it is longer than `limit`.
[[nodiscard]] common::Result<std::string> read_all(int fd, std::int64_t limit);

}  // namespace emperor::watch
