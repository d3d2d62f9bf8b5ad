// SPDX-License-Identifier: Apache-2.0
// The rendezvous socket of a generation: made by the emperor that starts a master, kept by the master, and reached by the
// next emperor, which asks there for what it needs to adopt the generation. It lies in the emperor's own 0700 directory:
// nobody else can connect, whoever accepts.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "emperor/fleet/options.h"
#include "emperor/supervise/types.h"

namespace emperor::fleet {

[[nodiscard]] std::string rendezvous_path(const FleetOptions& options, const std::string& name,
                                          supervise::Generation generation);

// Listening, for a master to inherit. One of a generation long gone is removed first.
[[nodiscard]] common::Result<common::UniqueFd> open_rendezvous(const std::string& path);

// A connection to the master of a former emperor. Refused when somebody with another uid made the socket.
[[nodiscard]] common::Result<common::UniqueFd> connect_rendezvous(const std::string& path);

}  // namespace emperor::fleet
