// SPDX-License-Identifier: Apache-2.0
// `vassal APP` without an emperor: configuration from the command line, own listeners, a console instead of a link.
#pragma once

#include <optional>

#include "common/link/messages.h"
#include "vassal/listeners.h"
#include "vassal/master/generation.h"
#include "vassal/options.h"

namespace vassal {

// Everything that a Master needs. Problems go to standard error; the exit code says which kind.
struct StandaloneSetup {
    std::optional<master::Generation> generation;
    int exit_code = 0;
};
[[nodiscard]] StandaloneSetup set_up_standalone(const Options& options, SocketFiles& files);

// What an emperor would log: URLs when it serves, failures, replaced workers.
void print_event(const common::link::MasterMessage& message, const std::vector<common::net::ListenAddress>& addresses);

}  // namespace vassal
