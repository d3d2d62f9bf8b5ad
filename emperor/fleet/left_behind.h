// SPDX-License-Identifier: Apache-2.0
// What a former emperor left in the runtime directory's vassals/: which masters may be adopted, which are gone, and what
// is not a record of ours at all. Something foreign or damaged (another owner, a mode that lets others write, a file in
// the place of a directory, a record that is not understood) is never used, changed or removed: it is reported, and its
// vassal is left as it is until somebody has cleared it up. Called by the fleet; looks at files only.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "emperor/fleet/options.h"
#include "emperor/fleet/record.h"

namespace emperor::fleet {

struct AdoptableVassal {
    std::string name;
    std::vector<RecordedInstance> instances;
};

// A master that died while no emperor was there, and left workers. They drain by themselves unless one hangs in its app;
// they hold the vassal's listeners, so they must be ended when the drain time is over.
struct GoneMaster {
    pid_t pid = 0;
    common::Duration drain{};
};

struct LeftBehind {
    std::vector<AdoptableVassal> vassals;
    std::vector<GoneMaster> gone;
    std::map<std::string, std::string, std::less<>> foreign;  // name → why it is left alone
};

// The records of masters that are gone are removed.
[[nodiscard]] LeftBehind find_left_behind(const FleetOptions& options);

// Why a vassal's directory is not ours to use; empty when it is, or when nothing is there.
[[nodiscard]] std::string why_foreign(const std::string& directory);

// Names in vassals/.
[[nodiscard]] std::vector<std::string> recorded_names(const FleetOptions& options);

}  // namespace emperor::fleet
