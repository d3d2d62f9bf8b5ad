// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/open_files.h"

#include <sys/resource.h>

#include <algorithm>

#include "vassal/worker/note.h"

namespace vassal::worker {
namespace {

constexpr rlim_t for_the_app = 512;  // and for the worker itself

}  // namespace

void allow_connections(std::uint32_t connections) noexcept {
    rlimit files{};
    const rlim_t wanted = rlim_t{connections} + for_the_app;
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted) return;
    files.rlim_cur = std::min(wanted, files.rlim_max);
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &files));
    if (files.rlim_cur < wanted) note("limits.connections is more than the hard limit of open files allows");
}

}  // namespace vassal::worker
