// SPDX-License-Identifier: Apache-2.0
#include "vassal/master/slow_watch.h"

#include <algorithm>
#include <utility>

namespace vassal::master {

std::vector<SlowRequest> SlowWatch::look(std::span<const WatchedWorker> workers, int threads, std::uint64_t now_us) {
    turn_to(now_us);
    std::vector<SlowRequest> slow;
    const auto count = std::clamp(threads, 0, common::scoreboard::max_threads);
    for (const WatchedWorker& worker : workers) {
        for (int i = 0; i < count; ++i) {
            const auto& thread = worker.board->thread[static_cast<std::size_t>(i)];
            const std::uint64_t sequence = thread.request_sequence.load(std::memory_order_relaxed);
            const std::uint64_t started = thread.request_started_us.load(std::memory_order_acquire);
            if (started == 0 || started > now_us || now_us - started < slow_us_) continue;
            std::uint64_t& seen = seen_[{worker.at, i}];
            if (std::exchange(seen, sequence) == sequence) continue;
            if (told_ >= most_per_second) {
                ++left_out_;
                continue;
            }
            ++told_;
            slow.push_back({worker.at, i, sequence});
        }
    }
    return slow;
}

std::uint64_t SlowWatch::take_left_out(std::uint64_t now_us) noexcept {
    turn_to(now_us);
    return std::exchange(left_out_before_, 0);
}

void SlowWatch::turn_to(std::uint64_t now_us) noexcept {
    const std::uint64_t second = now_us / 1'000'000;
    if (second == second_) return;
    second_ = second;
    told_ = 0;
    left_out_before_ += std::exchange(left_out_, 0);
}

}  // namespace vassal::master
