// SPDX-License-Identifier: Apache-2.0
// One generation's process tree, from the order to spawn it to its exit. Pure: owned by VassalFsm, which decides what
// the generation is for; this machine only knows how to bring a process up and down without losing track of it.
//
// Not proven yet (spawning, starting): a stop is always fast, nothing was accepted. From probing on (the promotion is
// under way, it may accept already) a graceful stop lets it finish what it accepted. Every state but serving has a
// deadline, so that nothing waits for ever: start_timeout until promoted; drain + kill timeouts for a graceful stop
// (the master needs the second part to end its own workers); the kill timeout for a fast one; SIGKILL, repeated until
// the exit is seen.
//
//               spawned   spawn_failed ready    promoted failed   stop_graceful stop_fast exited deadline
//     spawning  starting  gone         -        -        -        ending        ending    gone   killing K
//     starting  -         -            probing P -       ending   ending F      ending F  gone   killing K
//     probing   -         -            -        serving  ending   draining G    ending F  gone   killing K
//     serving   -         -            -        -        ending   draining G    ending F  gone   -
//     draining  F *       gone *       -        -        -        -             F **      gone   killing K
//     killing   K *       gone *       -        -        -        -             -         gone   K
//     gone      -         -            -        -        -        -             -         -      -
//
// P SendPromote, G/F SendStop graceful/fast, K Kill; "ending" is draining without patience (deadline: kill timeout);
// "-" nothing happens. `failed` (the master gives up by itself) sends nothing: the exit follows, the deadline sees to
// it. A stop in spawning has no process to go to yet: it is sent once there is one.
// `asked` and `answered` mean something in serving only: a question gets a deadline. When that passes, the process is
// left alone and the question forgotten; the caller, who looks at is_due() before, draws the conclusion.
//  *  only while there is no process yet   **  only after a graceful stop, and it never prolongs the deadline
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "emperor/supervise/commands.h"

namespace emperor::supervise {

enum class InstanceState { spawning, starting, probing, serving, draining, killing, gone };
[[nodiscard]] std::string_view name_of(InstanceState state) noexcept;

enum class InstanceEvent {
    spawned, spawn_failed, ready, promoted, failed, stop_graceful, stop_fast, exited, deadline, asked, answered
};

// How long a serving master may take to answer a question.
inline constexpr Duration answer_patience = std::chrono::seconds(10);

class InstanceFsm {
public:
    // A new one: the caller has just ordered Spawn. Arms the start deadline into `commands`.
    InstanceFsm(Generation generation, const Spec& spec, TimePoint now, Commands& commands);
    // One that a former emperor started: serving.
    InstanceFsm(Generation generation, const Spec& spec) noexcept;

    // Appends what the caller must do now. `reason` is for SendStop.
    void on(InstanceEvent event, TimePoint now, Commands& commands, std::string_view reason = {});

    // Its configuration was replaced in place: later deadlines are of this one.
    void use(const Spec& spec) noexcept;

    [[nodiscard]] InstanceState state() const noexcept { return state_; }
    [[nodiscard]] bool is_live() const noexcept { return state_ != InstanceState::gone; }
    // A stop was asked for, or the master gave up.
    [[nodiscard]] bool is_ending() const noexcept {
        return state_ == InstanceState::draining || state_ == InstanceState::killing;
    }
    // A TimerFired before that only arms the timer again.
    [[nodiscard]] bool is_due(TimePoint now) const noexcept { return deadline_ && *deadline_ <= now; }

private:
    void arm(Duration delay, TimePoint now, Commands& commands);
    void disarm(Commands& commands);
    void end(InstanceState next, Duration patience, TimePoint now, Commands& commands);
    void on_spawned(Commands& commands);
    void on_stop(StopMode mode, TimePoint now, Commands& commands, std::string_view reason);
    void on_deadline(TimePoint now, Commands& commands);

    Generation generation_;
    Duration start_timeout_{}, drain_timeout_{}, kill_timeout_{};
    InstanceState state_ = InstanceState::spawning;
    bool is_spawned_ = false;   // false: there is no process that a stop could reach
    std::optional<StopMode> stop_;  // the hardest stop that was asked for
    std::string stop_reason_;
    std::optional<TimePoint> deadline_;
};

}  // namespace emperor::supervise
