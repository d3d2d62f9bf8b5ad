// SPDX-License-Identifier: Apache-2.0
// log.slow: which requests have run for too long to go unnoticed, each once, and not more than a few a second. Pure but for
// reading the scoreboard, whose every value is untrusted; owned by Master, which looks while workers are active.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "vassal/master/request_watch.h"

namespace vassal::master {

struct SlowRequest {
    Place at;
    int thread = 0;
    std::uint64_t sequence = 0;
};

class SlowWatch {
public:
    static constexpr int most_per_second = 10;

    explicit SlowWatch(std::uint64_t slow_us) noexcept : slow_us_(slow_us) {}

    // Those that became slow since the last look. What is beyond the bound is counted instead.
    [[nodiscard]] std::vector<SlowRequest> look(std::span<const WatchedWorker> workers, int threads, std::uint64_t now_us);
    // How many were left out in the seconds before this one; each is told once.
    [[nodiscard]] std::uint64_t take_left_out(std::uint64_t now_us) noexcept;

private:
    void turn_to(std::uint64_t now_us) noexcept;

    std::uint64_t slow_us_;
    std::map<std::tuple<Place, int>, std::uint64_t> seen_;  // by thread: the sequence that was told
    std::uint64_t second_ = 0;
    int told_ = 0;                       // in this second
    std::uint64_t left_out_ = 0;         // in this second
    std::uint64_t left_out_before_ = 0;  // in former ones
};

}  // namespace vassal::master
