// SPDX-License-Identifier: Apache-2.0
// While one exists, a process that the app forks (os.fork, multiprocessing) holds no listener, no link, no reactor and
// no client connection: else a response would end only when that child does, and a drained listener would live on in
// it. Children that exec are covered by CLOEXEC. At most one exists in a process.
#pragma once

#include "vassal/worker/shared.h"

namespace vassal::worker {

class ForkGuard {
public:
    explicit ForkGuard(Shared& shared) noexcept;
    ~ForkGuard();
    ForkGuard(const ForkGuard&) = delete;
    ForkGuard& operator=(const ForkGuard&) = delete;
};

}  // namespace vassal::worker
