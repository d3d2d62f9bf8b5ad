// SPDX-License-Identifier: Apache-2.0
// The master's half of the access log: takes the workers' records from their rings (common/access), writes them as
// lines and hands these to the AppLog in batches. Owned by Master; exists only when the log is on. What was lost on the
// way is counted in the scoreboard and said at most every ten seconds.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "common/access/line.h"
#include "common/access/ring.h"
#include "common/base/clock.h"
#include "common/scoreboard/layout.h"
#include "vassal/master/app_log.h"

namespace vassal::master {

class AccessLog {
public:
    // All of them outlive this.
    AccessLog(common::access::LineWriter writer, const common::access::Rings& rings, AppLog& log,
              common::scoreboard::Board* board);

    // What the workers have published so far.
    void drain(common::TimePoint now);
    // The last time: also says what was lost since it was said last.
    void finish();

private:
    [[nodiscard]] bool take(std::string_view bytes);
    void flush();
    void lose(std::uint64_t records);
    void say_losses();

    common::access::LineWriter writer_;
    AppLog& log_;
    common::scoreboard::Board* board_;
    const std::size_t threads_;
    std::vector<common::access::RingReader> readers_;  // set by set
    common::access::Origin origin_;                    // of the record that is being written
    common::access::RingReader::Scratch scratch_;
    std::unique_ptr<char[]> batch_;
    std::size_t batch_size_ = 0;
    std::uint64_t unsaid_ = 0;
    common::TimePoint say_next_{};
};

}  // namespace vassal::master
