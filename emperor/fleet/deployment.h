// SPDX-License-Identifier: Apache-2.0
// One configuration of a vassal that passed every check, with all that starting it needs. Immutable; shared by the
// vassal's host (as the desired one) and the instances that run it, whichever lives longer. A machine knows it by its
// spec only.
#pragma once

#include <memory>
#include <string>

#include "common/config/decode.h"
#include "common/config/verify.h"
#include "emperor/supervise/types.h"
#include "emperor/watch/watched_path.h"

namespace emperor::fleet {

struct Deployment {
    std::string file;
    watch::FileStamp stamp;
    watch::WatchedStamps watched;
    common::config::Identity identity;
    std::shared_ptr<const common::config::Effective> effective;  // shared with the cache of decoded files
    // What the file says, where an operator changed the number of workers; null: what `effective` says.
    std::shared_ptr<const common::config::Effective> of_file = nullptr;
    supervise::SpecPtr spec;
};
using DeploymentPtr = std::shared_ptr<const Deployment>;

// What a rescan compares the file with.
[[nodiscard]] inline const std::shared_ptr<const common::config::Effective>& as_in_file(const Deployment& deployment) noexcept {
    return deployment.of_file ? deployment.of_file : deployment.effective;
}

// The figures that the machines need. Ids are unique within one emperor.
[[nodiscard]] supervise::SpecPtr make_spec(const common::config::VassalConfig& config);

}  // namespace emperor::fleet
