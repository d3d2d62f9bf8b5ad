// SPDX-License-Identifier: Apache-2.0
// Points standard output and standard error at /dev/null, once the reader of the log pipes is gone.
#pragma once

namespace vassal::worker {

void silence_output() noexcept;

}  // namespace vassal::worker
