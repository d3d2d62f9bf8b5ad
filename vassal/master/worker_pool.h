// SPDX-License-Identifier: Apache-2.0
// The workers of one generation: who is started, promoted, replaced, drained and killed, and when. Pure: events and the
// time in, commands out; owned and fed by Master, which never calls it re-entrantly and wakes it at deadline(). It never
// looks at a clock, a process or the scoreboard.
//
// The pool:   idle → starting → ready → serving → stopping → finished
//   starting, ready: any failure of any worker fails the whole start (ReportFailed, kill all, finished with code 1).
//   serving: every wanted slot (1..wanted) has one process that serves or will; settle() sees to it after each event.
//   stopping: drain; after `drain` or a fast stop a Stop message; after `kill` or one more fast stop SIGKILL, repeated
//             until nobody is left.
//
//   A pool that serves may be suspended, for a standby: its workers accept nothing. Everything else goes on, so that it is
//   complete when it is resumed; only the number of workers wanted stays. Who starts meanwhile is not promoted before that.
//
// A process (slot × lane 0..1, at most one of them new and one on its way out):
//   state     Ready         Exited            TimedOut         Recycle/unwanted      Stop graceful/fast   deadline
//   empty     -             -                 -                -                     -                    -
//   starting  → serving     failed start      -                - / kill              kill                 kill
//   ready     -             failed start      -                -                     drain / stop         -
//   serving   -             crash             interrupt,drain  replace, then drain   drain / stop         (age) replace
//   draining  -             gone              interrupt        -                     - / stop             stop, timed out: kill
//   ending    -             gone              -                -                     -                    kill again
//   A health check that has begun (WorkerProbing) changes nothing; it explains a start that takes too long.
//   "ready" exists until the generation is promoted; a later process serves as soon as it is ready.
//
// What ends how:
//   crash, failed start with nobody serving in the slot: started again at once the first time, then after a backoff that
//       doubles with jitter; a worker that served `stable` long starts the count anew, and so does a roll.
//   request timeout: the thread is interrupted, the process drains, and its replacement starts at once in the other lane.
//       When the drain is over, whatever is still in a request is interrupted too; then it is killed. It is over early
//       when both lanes of a slot drain and nobody serves in it.
//   planned (RecycleDue, RollRequested, age): first come first served, one at a time until the old process is gone;
//       replacement first. If that fails, the old one serves on, and the next try waits for a backoff of its own; a roll
//       that is not to be retried is given up, as all other plans are.
//       A roll is over (ReportRolled) when nobody that was there when it was asked for serves or is about to.
//   unwanted (WorkersWanted): the highest slots drain.
//   Reconfigured: backoffs are over, bounds are drawn anew, slots are added; slots that are too many stay, unwanted.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <span>

#include "vassal/master/pool_types.h"

namespace vassal::master {

enum class PoolState { idle, starting, ready, serving, stopping, finished };
enum class ProcessState { empty, starting, ready, serving, draining, ending };

inline constexpr int lanes = 2;

class WorkerPool {
public:
    explicit WorkerPool(const PoolOptions& options);

    // Returns what the caller must do now, in order.
    [[nodiscard]] PoolCommands on(const PoolEvent& event, TimePoint now);
    // When TimePassed is due; max() when nothing is.
    [[nodiscard]] TimePoint deadline() const noexcept;

    [[nodiscard]] PoolState state() const noexcept { return state_; }
    [[nodiscard]] bool is_suspended() const noexcept { return is_suspended_; }
    [[nodiscard]] ProcessState process_state(Place place) const { return at(place).state; }
    [[nodiscard]] int workers() const noexcept { return static_cast<int>(slots_.size()); }  // slots; never fewer
    [[nodiscard]] int wanted() const noexcept { return wanted_; }
    // As last reported: some worker can serve.
    [[nodiscard]] bool is_serving() const noexcept { return is_serving_; }
    // When the next slot in backoff is started; none: nothing is planned, or one is being started.
    [[nodiscard]] std::optional<TimePoint> next_start() const;
    // The slot has no process and waits for its next start.
    [[nodiscard]] bool is_in_backoff(int slot) const;
    // Requests that this process may serve before it is to be recycled; 0: any number.
    [[nodiscard]] std::uint64_t request_bound(Place place) const { return at(place).request_bound; }
    // Per thread the sequence of its request that timed out and has not returned; 0: none.
    [[nodiscard]] std::span<const std::uint64_t> judged(Place place) const { return at(place).judged; }
    [[nodiscard]] std::vector<Place> places() const;  // of all processes
    [[nodiscard]] std::vector<Place> places(ProcessState state) const;

private:
    // Why we end a process; none: it ended by itself.
    enum class Cause { none, planned, timeout, fault };

    struct Process {
        ProcessState state = ProcessState::empty;
        bool is_reported = false;  // started while serving
        bool is_link_lost = false;
        std::optional<std::string> probe;  // starting: its health check has begun; what the last attempt failed of
        Cause cause = Cause::none;
        std::string end_reason;    // belongs to the cause
        std::optional<StartFailure> failure;  // its last words
        TimePoint serving_since{};
        TimePoint deadline = TimePoint::max();  // of its state
        TimePoint age_at = TimePoint::max();
        std::uint64_t request_bound = 0;
        std::uint64_t roll = 0;             // the last roll that was asked for when it was started
        int threads = 1;
        std::vector<std::uint64_t> judged;  // per thread, empty: none
        bool is_hurried = false;            // draining: everything in a request was interrupted, the end is near
    };
    struct Slot {
        std::array<Process, lanes> lane;
        unsigned crashes = 0;  // in a row
        TimePoint retry_at{};  // no start before
        std::optional<std::string> planned;  // why its process is to be replaced; then the slot is in queue_
    };

    // worker_pool.cpp: the pool as a whole
    void handle(const Begin& event);
    void handle(const PromoteRequested& event);
    void handle(const StopRequested& event);
    void handle(const TimePassed& event);
    void handle(const SuspendRequested& event);
    void handle(const ResumeRequested& event);
    void fail_start(StartFailure failure);
    [[nodiscard]] StartFailure too_late() const;
    void kill_all();
    void stop_all();
    void finish_when_empty();
    void settle();
    void report_serving(bool is_serving, const std::string& reason, Duration retry);

    // worker_process.cpp: one process
    void handle(const WorkerForked& event);
    void handle(const WorkerReady& event);
    void handle(const WorkerProbing& event);
    void handle(const WorkerFailed& event);
    void handle(const WorkerExited& event);
    void handle(const RequestTimedOut& event);
    void handle(const RequestReturned& event);
    void handle(const LinkLost& event);
    void fork(Place place);
    void serve(Place place);
    void drain(Place place, Cause cause, const std::string& reason, Duration patience);
    void kill(Place place);
    void hurry(Place place);
    void make_room(int number);
    void process_deadline(Place place);
    void gone_while_serving(Place place, const Process& process, const ExitStatus& status);
    [[nodiscard]] Duration count_crash(Place place, const Process& process);
    [[nodiscard]] static std::string reason_of(const Process& process, const ExitStatus& status);

    // worker_plan.cpp: planned replacements, and how many workers are wanted
    void handle(const RecycleDue& event);
    void handle(const RollRequested& event);
    void handle(const WorkersWanted& event);
    void handle(const Reconfigured& event);
    void draw_requests(Process& process);
    void draw_age(Process& process);
    void report_rolled();
    [[nodiscard]] int most() const noexcept { return std::max(options_.workers, 1); }
    [[nodiscard]] int least() const noexcept {
        return options_.workers_min > 0 ? std::min(options_.workers_min, most()) : most();
    }
    [[nodiscard]] bool is_being_replaced(Place place) const;
    void plan(int slot, const std::string& reason);
    void forget_plan(int slot);
    void settle_plans();
    void retire_unwanted();
    [[nodiscard]] Duration plan_failed(int slot);

    [[nodiscard]] Slot& slot(int number) { return slots_.at(static_cast<std::size_t>(number) - 1); }
    [[nodiscard]] const Slot& slot(int number) const { return slots_.at(static_cast<std::size_t>(number) - 1); }
    [[nodiscard]] Process& at(Place place) { return slot(place.slot).lane.at(static_cast<std::size_t>(place.lane)); }
    [[nodiscard]] const Process& at(Place place) const {
        return slot(place.slot).lane.at(static_cast<std::size_t>(place.lane));
    }
    // The lane in that state; -1: none.
    [[nodiscard]] int lane_with(int number, ProcessState state) const;
    // Somebody serves in this slot, or is about to.
    [[nodiscard]] bool is_staffed(int number) const;
    [[nodiscard]] Duration backoff(unsigned failures);
    [[nodiscard]] double jitter(int percent);  // a factor, at most 1
    void command(PoolCommand command) { commands_.push_back(std::move(command)); }

    PoolOptions options_;
    std::vector<Slot> slots_;
    int wanted_;
    PoolState state_ = PoolState::idle;
    TimePoint deadline_ = TimePoint::max();  // of the pool's state
    bool is_suspended_ = false;   // serving: nobody accepts
    bool is_ending_ = false;      // stopping: drain is over, SIGKILL comes next
    bool is_serving_ = true;      // as last reported
    std::string not_serving_reason_;  // likewise
    int exit_code_ = 0;

    std::deque<int> queue_;               // slots with a plan
    int replacing_ = 0;                   // the slot whose plan is carried out; 0: none
    std::string replacing_reason_;
    unsigned plan_failures_ = 0;          // in a row
    std::uint64_t roll_ = 0;              // how many were asked for
    bool is_rolling_ = false;
    bool is_roll_retried_ = true;
    TimePoint plan_retry_at_{};

    std::mt19937 random_;
    TimePoint now_{};
    PoolCommands commands_;       // of the event at hand
};

}  // namespace vassal::master
