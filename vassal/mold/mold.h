// SPDX-License-Identifier: Apache-2.0
// The mold of a generation with `preload: true`: imports the app once, then forks a worker for each order of the
// master. Single-threaded; it serves nothing, and ends when its link ends.
//
// A worker is forked twice, so that it becomes the master's child (which is a subreaper): the intermediate process runs
// no Python and exits at once. The worker waits until it is adopted, then sends its pidfd as its first word.
// This is the second place that forks, for the reason fork_loop.h gives: the stack of mold_main() is as shallow.
#pragma once

#include "vassal/mold/shop.h"

namespace vassal::mold {

// `link` is the mold's channel to the master. Returns in the mold at its end, and in every worker at that one's: the
// caller _exits with the code.
[[nodiscard]] int mold_main(const Shop& shop, int link);

}  // namespace vassal::mold
