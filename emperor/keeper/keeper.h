// SPDX-License-Identifier: Apache-2.0
// The keeper: a tiny process beside the emperor that holds duplicates of its listening sockets and scoreboards, so that
// clients of apps without a master (in backoff, failed) stay in the queue when the emperor dies, and counters go on. The
// next emperor finds it at RUNTIME_DIR/keeper.sock. It parses nothing, accepts no client and knows no vassal; masters
// keep their own descriptors and do not need it.
#pragma once

#include <string>

#include "common/base/unique_fd.h"

namespace emperor::keeper {

[[nodiscard]] std::string socket_path(const std::string& runtime_directory);

// Serves until an emperor says quit, or until nobody can find it any more: no emperor is connected, and it holds nothing
// or its socket is gone. `link` is the channel to the emperor that started it. Only its own user may connect; of several
// connections the newest counts. Returns the exit code of the process.
[[nodiscard]] int run(const std::string& runtime_directory, common::UniqueFd link);

}  // namespace emperor::keeper
