// SPDX-License-Identifier: Apache-2.0
// `vassal --link=FD --check-import`, for `emperorctl check --import`: imports the app as a worker would and says how it
// went over the link, in the words of common/link (start; then ready or failed). Serves nothing, opens no listener, runs
// no before_start. Whoever asked bounds the time and ends what is left.
#pragma once

#include <functional>

#include "vassal/master/generation.h"
#include "vassal/mold/shop.h"

namespace vassal {

// Returns the exit code: 0 imported, 1 not.
[[nodiscard]] int check_import(int link, const std::function<mold::Shop(const master::Generation&)>& shop_of);

}  // namespace vassal
