// SPDX-License-Identifier: Apache-2.0
// What the durations of one vassal were in the last 10 s, minute and 5 minutes. The scoreboard counts since the vassal
// began; this keeps what was added in each interval of 5 s, later of 10 s and 30 s, only buckets that were hit: nothing
// for an idle vassal, at most 140 KB for one whose durations are spread over everything. The windows are kept summed up, so
// that a reader pays for two lists each. Pure: its owner calls tick() every 5 s.
//
//     interval      kept   window that it serves
//     5 s           2      10 s: these and what came since the last tick, so 10 to 15 s
//     10 s          6      1 min: these, the 5 s that are in none of them yet, what came since: 60 to 70 s
//     30 s          10     5 min: these, the 10 s and 5 s that are in none of them yet, what came since: 300 to 330 s
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <utility>
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

    enum Window : std::size_t { last_10_s, last_minute, last_5_minutes, windows };
    struct Part {
        std::uint16_t bucket;
        std::uint32_t amount;
    };
    using Parts = std::vector<Part>;  // by bucket
    // What came since the last tick, in place of what is in `added`.
    void since_last(const Latencies& total, Parts& added) const;
    // What was counted within a window, as a look at both lists. The sum of the durations is not known.
    struct Counted {
        const Parts& kept;
        const Parts& newest;
        std::uint64_t count = 0;
        template <std::size_t size>
        [[nodiscard]] std::array<std::uint64_t, size> quantiles_us(const std::array<double, size>& parts) const noexcept {
            return common::scoreboard::latency_quantiles_us(count, parts, [this](auto visit) { for_each(visit); });
        }
        template <class Visit>
        void for_each(Visit visit) const {
            auto added = newest.begin();
            for (const Part& part : kept) {
                for (; added != newest.end() && added->bucket < part.bucket; ++added) visit(added->bucket, added->amount);
                visit(part.bucket, part.amount);
            }
            for (; added != newest.end(); ++added) visit(added->bucket, added->amount);
        }
    };
    // `newest`: since_last(). Until tick() or the end of `newest`.
    [[nodiscard]] Counted counted(Window window, const Parts& newest) const noexcept;

private:
    struct Before {
        std::uint16_t bucket;
        std::uint64_t amount;
    };

    template <std::size_t count>
    struct Ring {
        std::array<Parts, count> parts;
        unsigned pushed = 0;
        // The oldest, which is forgotten.
        Parts push(Parts added) { return std::exchange(parts[pushed++ % count], std::move(added)); }
        [[nodiscard]] const Parts& newest(unsigned back) const { return parts[(pushed + count - 1 - back) % count]; }
    };

    void push(Parts added);
    template <std::size_t count>
    [[nodiscard]] static Parts merged(const Ring<count>& ring, unsigned newest);

    bool has_begun_ = false;
    std::vector<Before> last_;  // the total at the last tick
    Ring<2> fives_;
    Ring<6> tens_;
    Ring<10> thirties_;
    std::array<Parts, windows> sums_;  // of each window but for what came since the last tick
};

}  // namespace emperor::stats
