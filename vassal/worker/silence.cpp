// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/silence.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/unique_fd.h"

namespace vassal::worker {

void silence_output() noexcept {
    const common::UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (!null) return;
    static_cast<void>(::dup2(null.get(), STDOUT_FILENO));
    static_cast<void>(::dup2(null.get(), STDERR_FILENO));
}

}  // namespace vassal::worker
