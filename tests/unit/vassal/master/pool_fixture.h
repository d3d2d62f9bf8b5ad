// SPDX-License-Identifier: Apache-2.0
// A pool under test, its clock, and what a test asks of its commands. For this folder only.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

#include "vassal/master/worker_pool.h"

namespace vassal::master {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

inline const ExitStatus killed{ExitStatus::Kind::signaled, 9};
inline const ExitStatus segfault{ExitStatus::Kind::signaled, 11};
inline const ExitStatus exit_0{ExitStatus::Kind::exited, 0};
inline const ExitStatus exit_1{ExitStatus::Kind::exited, 1};
inline const ExitStatus exit_3{ExitStatus::Kind::exited, 3};

inline PoolOptions options_for(int workers) {
    PoolOptions result;
    result.workers = workers;
    result.drain = 30s;
    result.kill = 5s;
    result.start = 60s;
    result.patience = 90s;
    result.backoff_initial = 100ms;
    result.backoff_max = 1s;
    result.stable = 10s;
    result.jitter_seed = 1;
    return result;
}

class Pool : public testing::Test {
protected:
    PoolCommands feed(const PoolEvent& event) { return pool->on(event, now); }
    PoolCommands wait(Duration duration) {
        now += duration;
        return feed(TimePassed{});
    }
    void start(const PoolOptions& options) {
        pool.emplace(options);
        static_cast<void>(feed(Begin{now + 60s}));
    }
    void start(int workers) { start(options_for(workers)); }
    void serve(const PoolOptions& options) {
        start(options);
        for (const Place place : pool->places()) static_cast<void>(feed(WorkerReady{place}));
        static_cast<void>(feed(PromoteRequested{}));
    }
    void serve(int workers) { serve(options_for(workers)); }
    [[nodiscard]] ProcessState state(int slot, int lane) const { return pool->process_state({slot, lane}); }

    static std::optional<ReportExited> exit_in(const PoolCommands& commands) {
        for (const auto& command : commands)
            if (const auto* exited = std::get_if<ReportExited>(&command)) return *exited;
        return std::nullopt;
    }
    static Duration retry_of(const PoolCommands& commands) {
        const auto exited = exit_in(commands);
        return exited ? exited->retry : Duration::max();
    }
    static std::string reason_of(const PoolCommands& commands) {
        const auto exited = exit_in(commands);
        return exited ? exited->reason : "";
    }

    TimePoint now{1000s};
    std::optional<WorkerPool> pool;
};

}  // namespace vassal::master
