// SPDX-License-Identifier: Apache-2.0
// What the durations of one vassal were in the last 10 s, minute and 5 minutes. The scoreboard counts since the vassal
// began; this keeps what was added in each interval of 5 s, later of 10 s and 30 s, only buckets that were hit: nothing
// for an idle vassal, at most 100 KB for one whose durations are spread over everything. Pure: its owner calls tick()
// every 5 s.
//
//     interval      kept   window that it serves
//     5 s           2      10 s: these and what came since the last tick, so 10 to 15 s
//     10 s          6      1 min: these, the 5 s that are in none of them yet, what came since: 60 to 70 s
//     30 s          10     5 min: these, the 10 s and 5 s that are in none of them yet, what came since: 300 to 330 s
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

#include "common/scoreboard/latency.h"

namespace emperor::stats {

using common::scoreboard::Latencies;

class LatencyHistory {
public:
    static constexpr std::chrono::seconds interval{5};

    // Whatever comes counts; without it the windows begin with what was there at the first tick.
    void begin() noexcept { has_begun_ = true; }
    // `total`: all durations since the vassal began.
    void tick(const Latencies& total);
    // The same as tick() with the total of the last call, without reading it.
    void tick_unchanged();

    enum class Window { last_10_s, last_minute, last_5_minutes };
    struct Part {
        std::uint16_t bucket;
        std::uint32_t amount;
    };
    using Parts = std::vector<Part>;  // by bucket
    // What came since the last tick.
    [[nodiscard]] Parts since_last(const Latencies& total) const;
    // Adds what was added within the window: `newest` is since_last(). The sum of the durations is not known of windows.
    void add_window(Window window, const Parts& newest, Latencies& into) const;

private:
    struct Before {
        std::uint16_t bucket;
        std::uint64_t amount;
    };

    template <std::size_t count>
    struct Ring {
        std::array<Parts, count> parts;
        unsigned pushed = 0;
        void push(Parts added) { parts[pushed++ % count] = std::move(added); }
        // How many of the newest are in no interval of the next ring yet.
        [[nodiscard]] const Parts& newest(unsigned back) const { return parts[(pushed + count - 1 - back) % count]; }
    };

    void push(Parts added);
    static void add(const Parts& parts, Latencies& into) noexcept;
    template <std::size_t count>
    [[nodiscard]] static Parts merged(const Ring<count>& ring, unsigned newest);

    bool has_begun_ = false;
    std::vector<Before> last_;  // the total at the last tick
    Ring<2> fives_;
    Ring<6> tens_;
    Ring<10> thirties_;
};

}  // namespace emperor::stats
