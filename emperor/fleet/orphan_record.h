// SPDX-License-Identifier: Apache-2.0
// The dead masters whose workers still drain, in a file of the runtime directory: an emperor that is killed while it
// waits for them leaves them to the next one. A vassal's own record (record.h) names the master that took the dead
// one's place.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "emperor/process/orphans.h"

namespace emperor::fleet {

struct RecordedOrphans {
    pid_t leader = 0;             // of their session; dead
    common::Duration patience{};  // they have left from now on
};

// An empty list removes the file.
[[nodiscard]] common::Result<void> write_orphans(const std::string& path,
                                                 const std::vector<process::Orphans::Group>& groups);
// Nothing when there is no such file, or one that makes no sense.
[[nodiscard]] std::vector<RecordedOrphans> read_orphans(const std::string& path);

}  // namespace emperor::fleet
