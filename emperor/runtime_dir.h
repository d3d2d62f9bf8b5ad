// SPDX-License-Identifier: Apache-2.0
// The runtime directory of one emperor (DESIGN section 6): found or created, checked to be safe, and locked against a
// second emperor. Owned by main; at its end what is empty is removed, but never the directory itself.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace emperor {

class RuntimeDir {
public:
    // /run/emperor for root, else $XDG_RUNTIME_DIR/emperor, else /tmp/emperor-UID.
    [[nodiscard]] static std::string default_path();

    // Creates what is missing. A directory of another owner, or that others may write to, is refused; a second emperor
    // is told the pid of the first one.
    [[nodiscard]] static common::Result<RuntimeDir> open(const std::string& path);

    RuntimeDir(RuntimeDir&&) noexcept = default;
    RuntimeDir& operator=(RuntimeDir&&) noexcept = default;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    // Whether nginx's user (www-data) can reach the sockets in it; true where there is no such user.
    [[nodiscard]] bool is_reachable_by_web_server() const;

    // False when somebody removed or replaced the directory, or the lock in it.
    [[nodiscard]] bool is_in_place() const noexcept;
    // Makes it anew and locks it again. An error where another emperor has it by now, or where something else is there.
    [[nodiscard]] common::Result<void> restore();

    // No vassal is left: sockets that nobody listens on go, of whichever emperor they were.
    void remove_dead_sockets() noexcept;
    // A clean end: the empty directories and the lock file go. Without it (SIGQUIT) all stays for the next emperor.
    void clean_up() noexcept;

private:
    RuntimeDir(std::string path, common::UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

    std::string path_;
    common::UniqueFd lock_;
};

}  // namespace emperor
