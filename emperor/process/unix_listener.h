// SPDX-License-Identifier: Apache-2.0
// The unix-path part of listeners.h: a socket file of any path length, made under a temporary name and renamed into place.
#pragma once

#include <sys/stat.h>
#include <sys/un.h>

#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "emperor/process/listeners.h"

namespace emperor::process {

struct BoundFile {
    common::UniqueFd fd;
    dev_t device = 0;
    ino_t inode = 0;
};

// Bound, listening, at its final path with mode and owner.
[[nodiscard]] common::Result<BoundFile> listen_on_path(const ListenRequest& request);

// Mode and owner of a socket file that is at its place already; nothing happens when the file is not this inode.
[[nodiscard]] common::Result<void> dress_socket_file(const ListenRequest& request, dev_t device, ino_t inode);

// Removes the socket file when it still is this inode.
void remove_socket_file(const std::string& path, dev_t device, ino_t inode) noexcept;

// A directory by an O_PATH descriptor, so that "/proc/self/fd/N/name" reaches long paths.
[[nodiscard]] common::Result<common::UniqueFd> open_directory_of(const std::string& path);
[[nodiscard]] std::string base_name(const std::string& path);
// Of "/proc/self/fd/DIRECTORY/NAME"; `path` is for the message.
[[nodiscard]] common::Result<sockaddr_un> address_of(int directory, const std::string& name, const std::string& path);

// Whether somebody listens on the socket file `name` in this directory.
[[nodiscard]] common::Result<bool> is_listened_on(int directory, const std::string& name, const std::string& path);

}  // namespace emperor::process
