// SPDX-License-Identifier: Apache-2.0
// Whether this worker's connections end with the answer that is being written: it drains, or is about to. Orders are
// read between requests; a thread that was in the application for long looks whether one waits, so that the only thread
// of a worker does not promise a connection that the drain would then have to wait for.
#pragma once

#include <cstdint>

#include "vassal/worker/gate.h"

namespace vassal::worker {

class DrainOrder {
public:
    DrainOrder(const Gate& gate, int link) noexcept : gate_(gate), link_(link) {}

    // Hot path. `began_us`: of the request that is being answered.
    [[nodiscard]] bool is_given(std::int64_t began_us) const noexcept {
        return gate_.is_letting_go() || (is_long_ago(began_us) && is_waiting());
    }

private:
    [[nodiscard]] static bool is_long_ago(std::int64_t began_us) noexcept;
    // The next order on the link, which stays there.
    [[nodiscard]] bool is_waiting() const noexcept;

    const Gate& gate_;
    int link_;
};

}  // namespace vassal::worker
