// SPDX-License-Identifier: Apache-2.0
// Random walks of the pool against a model of the processes. Whatever happens in whatever order: a place is taken once,
// a slot has at most two processes, each process has exactly one exit; a planned drain never lowers the number of serving
// workers below what is wanted and never happens without a replacement that serves; at most one planned replacement
// starts at a time; a suspended pool lets nobody accept; nothing is forked once stopping began, and a stop always ends
// with nothing left.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "vassal/master/worker_pool.h"

namespace vassal::master {
namespace {

using namespace std::chrono_literals;

class Walk {
public:
    explicit Walk(unsigned seed) : random_(seed), options_(make_options()), pool_(options_) {}

    void run() {
        feed(Begin{now_ + 5s});
        for (int step = 0; step < 400 && !is_finished_; ++step) {
            if (testing::Test::HasFailure()) return;
            act();
        }
        is_stopping_ = true;
        feed(StopRequested{pick(0, 1) == 0});
        const TimePoint stop_at = now_;
        // From here on nothing goes by itself: only deadlines, and processes that obey SIGKILL.
        for (int step = 0; step < 100 && !is_finished_; ++step) {
            if (!kill_wanted_.empty()) exit(*kill_wanted_.begin(), {ExitStatus::Kind::signaled, 9});
            else if (!pass_time()) break;
        }
        EXPECT_TRUE(is_finished_);
        EXPECT_TRUE(alive_.empty());
        EXPECT_LE(now_ - stop_at, options_.drain + options_.kill + 2s);
        EXPECT_EQ(forks_, exits_) << "each process exactly one exit";
    }

private:
    PoolOptions make_options() {
        PoolOptions options;
        options.workers = pick(1, 4);
        options.workers_min = pick(0, 1) == 0 ? 0 : pick(1, options.workers);
        options.threads = pick(1, 3);
        options.drain = 3s;
        options.kill = 1s;
        options.start = 5s;
        options.patience = 8s;
        options.backoff_initial = 100ms;
        options.backoff_max = 2s;
        options.stable = 4s;
        options.recycle.max_age = pick(0, 2) == 0 ? Duration(20s) : Duration{};
        options.recycle.jitter = 10;
        return options;
    }
    int pick(int low, int high) { return std::uniform_int_distribution(low, high)(random_); }

    void act() {
        now_ += std::chrono::milliseconds(pick(0, 400));
        const Place at{pick(1, pool_.workers()), pick(0, 1)};
        const bool lives = alive_.contains(at);
        switch (pick(0, 17)) {
            case 0: case 1: case 2: case 3: return lives ? feed(WorkerReady{at}) : void();
            case 4:
                return lives && (kill_wanted_.contains(at) || pick(0, 2) == 0)
                           ? exit(at, {ExitStatus::Kind::exited, pick(0, 3)})
                           : void();
            case 5: return lives && pick(0, 3) == 0 ? feed(WorkerFailed{at, {"import", "x", ""}}) : void();
            case 6: return feed(PromoteRequested{});
            case 7: {
                const int thread = pick(0, options_.threads - 1);
                if (pick(0, 2) != 0) return feed(RequestReturned{at, thread});
                return feed(RequestTimedOut{at, thread, static_cast<std::uint64_t>(pick(1, 3)), "request timeout"});
            }
            case 8: return lives && pick(0, 3) == 0 ? feed(LinkLost{at}) : void();
            case 9: return kill_wanted_.contains(at) ? exit(at, {ExitStatus::Kind::signaled, 9}) : void();
            case 10: if (pick(0, 60) == 0) { is_stopping_ = true; feed(StopRequested{true}); } return;
            case 11: return feed(RecycleDue{at, "recycled"});
            case 12: return pick(0, 5) == 0 ? feed(RollRequested{"reload", pick(0, 1) == 0}) : void();
            case 13: return pick(0, 2) == 0 ? feed(WorkersWanted{pick(0, 5)}) : void();
            case 14: return draining_.contains(at) ? exit(at, {ExitStatus::Kind::exited, 0}) : void();
            case 15: return pick(0, 1) == 0 ? feed(SuspendRequested{}) : feed(ResumeRequested{});
            case 16: return pick(0, 9) == 0 ? reconfigure() : void();
            default: pass_time(); return;
        }
    }

    void reconfigure() {
        PoolOptions options = make_options();
        options.threads = options_.threads;
        feed(Reconfigured{options});
    }

    bool pass_time() {
        const TimePoint next = pool_.deadline();
        if (next == TimePoint::max()) return false;
        now_ = std::max(now_, next);
        feed(TimePassed{});
        EXPECT_GT(pool_.deadline(), now_) << "a deadline that passed is dealt with";
        return true;
    }

    void exit(Place at, ExitStatus status) {
        alive_.erase(at);
        kill_wanted_.erase(at);
        draining_.erase(at);
        ++exits_;
        feed(WorkerExited{at, status});
    }

    int serving() const { return static_cast<int>(pool_.places(ProcessState::serving).size()); }

    void feed(const PoolEvent& event) {
        const int before = serving();
        const bool is_planned = std::holds_alternative<RecycleDue>(event) || std::holds_alternative<RollRequested>(event) ||
                                std::holds_alternative<WorkerReady>(event) || std::holds_alternative<WorkersWanted>(event);
        for (const PoolCommand& command : pool_.on(event, now_)) check(command);
        if (is_planned && !is_stopping_ && !has_failed_) {
            EXPECT_GE(serving(), std::min(before, pool_.wanted()));
        }
        int replacements = 0;
        for (const Place at : pool_.places(ProcessState::serving))
            if (pool_.process_state({at.slot, 1 - at.lane}) == ProcessState::starting) ++replacements;
        EXPECT_LE(replacements, 1) << "planned replacements, one at a time";
    }

    void check(const PoolCommand& command) {
        EXPECT_FALSE(is_finished_) << "a command after the end";
        if (const auto* fork = std::get_if<Fork>(&command)) {
            EXPECT_TRUE(alive_.insert(fork->at).second) << "forked twice";
            EXPECT_FALSE(is_stopping_ || has_failed_) << "forked while stopping";
            ++forks_;
        } else if (const auto* kill = std::get_if<Kill>(&command)) {
            EXPECT_TRUE(alive_.contains(kill->at)) << "killed nobody";
            kill_wanted_.insert(kill->at);
        } else if (const auto* promote = std::get_if<SendPromote>(&command)) {
            EXPECT_TRUE(alive_.contains(promote->at));
            EXPECT_FALSE(pool_.is_suspended()) << "accepts while it stands by";
        } else if (const auto* suspend = std::get_if<SendSuspend>(&command)) {
            EXPECT_TRUE(alive_.contains(suspend->at) && pool_.is_suspended());
        } else if (const auto* drain = std::get_if<SendDrain>(&command)) {
            EXPECT_TRUE(alive_.contains(drain->at));
            EXPECT_TRUE(draining_.insert(drain->at).second) << "told twice";
        } else if (std::holds_alternative<ReportFailed>(command)) {
            EXPECT_FALSE(has_failed_) << "one start fails once";
            has_failed_ = true;
        } else if (std::holds_alternative<ReportRolled>(command)) {
            EXPECT_FALSE(is_stopping_ || has_failed_);
        } else if (std::holds_alternative<Finished>(command)) {
            EXPECT_TRUE(alive_.empty());
            is_finished_ = true;
        }
    }

    std::mt19937 random_;
    TimePoint now_{1000s};
    PoolOptions options_;
    WorkerPool pool_;
    std::set<Place> alive_, kill_wanted_, draining_;
    int forks_ = 0, exits_ = 0;
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
