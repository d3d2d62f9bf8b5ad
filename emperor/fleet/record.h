// SPDX-License-Identifier: Apache-2.0
// What an emperor leaves for the next one, in its own 0700 directory vassals/NAME/: which masters run with which
// configuration on which sockets (record.json, 0600, replaced atomically), and whether an operator stopped the vassal
// (held), and to which configuration it could or did go back (rollback.json). The next emperor believes this and
// nothing that a tenant's process says about itself.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "emperor/fleet/deployment.h"
#include "emperor/supervise/types.h"

namespace emperor::fleet {

struct RecordedInstance {
    supervise::Generation generation = 0;
    pid_t pid = 0;
    std::uint64_t start_ticks = 0;  // pid and ticks name a process for ever
    int bank = 0;
    std::string state;              // as name_of(Instance::State)
    std::int64_t started_us = 0;
    DeploymentPtr deployment;       // read back: without origins, with a spec of its own
    std::vector<std::uint64_t> socket_inodes;  // of the listeners, in the order of `listen`
    std::int64_t observed_until_us = 0;  // epoch; of a standby
    // False: its configuration was being replaced in place. Read back, the file counts as touched then.
    bool is_settled = true;
};

// An empty list removes the file.
[[nodiscard]] common::Result<void> write_record(const std::string& directory, const std::vector<RecordedInstance>& instances);
// No file: an empty list. A file that is not understood (another version's) is an error.
[[nodiscard]] common::Result<std::vector<RecordedInstance>> read_record(const std::string& directory);
// record.json and rendezvous sockets; the directory too, when it is empty then.
void remove_record(const std::string& directory) noexcept;

// The counts too: nobody wants this vassal any more. `held` stays.
void remove_vassal_directory(const std::string& directory) noexcept;

// Outlives a stop of the emperor, as `held` does.
struct RollbackRecord {
    DeploymentPtr last_good;  // null: nothing else has served before
    DeploymentPtr from;       // rolled back from: what the file said then; null: not rolled back
    std::string reason;
};
// An empty one removes the file. Unreadable is the same as none: it only costs the way back.
[[nodiscard]] common::Result<void> write_rollback(const std::string& directory, const RollbackRecord& record);
[[nodiscard]] RollbackRecord read_rollback(const std::string& directory);

// vassals/NAME/`name`, 0600; makes the directory, 0700, where it is missing.
[[nodiscard]] common::Result<void> write_atomically(const std::string& directory, const std::string& name,
                                                    const std::string& text);

// vassals/NAME/held: an operator stopped it, and who did. Nothing: it is wanted; "": the words cannot be read.
[[nodiscard]] std::optional<std::string> read_held(const std::string& directory);
[[nodiscard]] common::Result<void> write_held(const std::string& directory, const std::optional<std::string>& reason);

}  // namespace emperor::fleet
