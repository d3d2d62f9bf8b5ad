// SPDX-License-Identifier: Apache-2.0
// How the control room asks its owner to replace the emperor's program in place. `done` is called once, from the event
// loop: with an error the emperor goes on as it is; without one it is replaced a moment later.
#pragma once

#include <functional>

#include "common/base/result.h"

namespace emperor::control {

using Upgrader = std::function<void(std::function<void(const common::Result<void>&)> done)>;

}  // namespace emperor::control
