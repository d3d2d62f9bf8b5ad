// SPDX-License-Identifier: Apache-2.0
// Random walks of the pool against a model of the processes: whatever happens in whatever order, nothing is forked
// twice into a slot, nothing is forked once stopping began, and a stop always ends with nothing left.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "vassal/master/worker_pool.h"

namespace vassal::master {
namespace {

using namespace std::chrono_literals;

class Walk {
public:
    explicit Walk(unsigned seed) : random_(seed), pool_([this] {
        PoolOptions options;
        options.workers = pick(1, 4);
        options.drain = 3s;
        options.kill = 1s;
        options.start = 5s;
        options.backoff_initial = 100ms;
        options.backoff_max = 2s;
        options.stable = 4s;
        return options;
    }()) {}

    void run() {
        feed(Begin{now_ + 5s});
        for (int step = 0; step < 300 && !is_finished_; ++step) {
            if (testing::Test::HasFailure()) return;
            act();
        }
        feed(StopRequested{pick(0, 1) == 0});
        const TimePoint stop_at = now_;
        is_stopping_ = true;
        // From here on nothing goes by itself: only deadlines, and processes that obey SIGKILL.
        for (int step = 0; step < 100 && !is_finished_; ++step) {
            if (!kill_wanted_.empty()) exit(kill_wanted_.begin()->first, {ExitStatus::Kind::signaled, 9});
            else if (!fire_next_timer()) break;
        }
        EXPECT_TRUE(is_finished_);
        EXPECT_TRUE(alive_.empty());
        EXPECT_LE(now_ - stop_at, 3s + 1s + 2s);
    }

private:
    int pick(int low, int high) { return std::uniform_int_distribution(low, high)(random_); }

    void act() {
        now_ += std::chrono::milliseconds(pick(0, 700));
        const int slot = pick(1, pool_.workers());
        switch (pick(0, 11)) {
            case 0: case 1: case 2: return alive_.contains(slot) ? feed(WorkerReady{slot}) : void();
            case 3: return alive_.contains(slot) ? exit(slot, {ExitStatus::Kind::exited, pick(0, 3)}) : void();
            case 4: return alive_.contains(slot) && pick(0, 3) == 0 ? feed(WorkerFailed{slot, {"import", "x", ""}}) : void();
            case 5: return feed(PromoteRequested{});
            case 6: return feed(RequestTimedOut{slot, "request timeout"});
            case 7: return alive_.contains(slot) ? feed(LinkLost{slot}) : void();
            case 8: return kill_wanted_.contains(slot) ? exit(slot, {ExitStatus::Kind::signaled, 9}) : void();
            case 9: if (pick(0, 60) == 0) { is_stopping_ = true; feed(StopRequested{true}); } return;
            default: fire_next_timer(); return;
        }
    }

    bool fire_next_timer() {
        if (timers_.empty()) return false;
        auto next = timers_.begin();
        for (auto timer = timers_.begin(); timer != timers_.end(); ++timer)
            if (timer->second < next->second) next = timer;
        now_ = std::max(now_, next->second);
        const int slot = next->first;
        timers_.erase(next);
        feed(TimerFired{slot});
        return true;
    }

    void exit(int slot, ExitStatus status) {
        alive_.erase(slot);
        kill_wanted_.erase(slot);
        feed(WorkerExited{slot, status});
    }

    void feed(const PoolEvent& event) {
        for (const PoolCommand& command : pool_.on(event, now_)) {
            EXPECT_FALSE(is_finished_) << "a command after the end";
            if (const auto* fork = std::get_if<Fork>(&command)) {
                EXPECT_FALSE(alive_.contains(fork->slot)) << "forked twice";
                EXPECT_FALSE(is_stopping_ || has_failed_) << "forked while stopping";
                alive_[fork->slot] = true;
            } else if (const auto* kill = std::get_if<Kill>(&command)) {
                EXPECT_TRUE(alive_.contains(kill->slot)) << "killed nobody";
                kill_wanted_[kill->slot] = true;
            } else if (const auto* promote = std::get_if<SendPromote>(&command)) {
                EXPECT_TRUE(alive_.contains(promote->slot));
            } else if (const auto* arm = std::get_if<ArmTimer>(&command)) {
                EXPECT_GE(arm->deadline, now_);
                timers_[arm->slot] = arm->deadline;
            } else if (const auto* disarm = std::get_if<DisarmTimer>(&command)) {
                timers_.erase(disarm->slot);
            } else if (std::holds_alternative<ReportFailed>(command)) {
                EXPECT_FALSE(has_failed_) << "one start fails once";
                has_failed_ = true;
            } else if (std::holds_alternative<Finished>(command)) {
                EXPECT_TRUE(alive_.empty());
                is_finished_ = true;
            }
        }
    }

    std::mt19937 random_;
    TimePoint now_{1000s};
    WorkerPool pool_;
    std::map<int, bool> alive_, kill_wanted_;
    std::map<int, TimePoint> timers_;
    bool is_stopping_ = false, has_failed_ = false, is_finished_ = false;
};

TEST(PoolWalk, whatever_happens_the_rules_hold_and_a_stop_ends) {
    for (unsigned seed = 0; seed < 5000; ++seed) {
        SCOPED_TRACE(seed);
        Walk(seed).run();
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace vassal::master
