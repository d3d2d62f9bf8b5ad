// SPDX-License-Identifier: Apache-2.0
// Who answers the clients of a vassal that cannot be started: for `restart.hold` they wait in the backlog, then a hold
// process (the vassal program, without the app) tells each of them 503 until a start succeeds. Pure; owned by the
// vassal's host beside its VassalFsm, from whose status it is told what is true. It knows nothing of generations, and
// never touches one. A master that lives while its workers are all in backoff answers by itself: not this machine's case.
//
// The clock runs from when the vassal stopped being able to serve, also under a former emperor; for one that never served,
// from its first failed attempt. A start that takes long is not a failure: nobody is sent away before an attempt
// failed. Once clients are answered, they are until a generation is about to serve, also while the next attempts are
// under way.
//
//               look: due       look: needless   exited              timer
//     calm      answering S     -                -                   answering S, if due
//     answering -               ending E         calm, pause         -
//     ending    -               -                calm, or answering  ending K
//
// due: wanted, an attempt failed, no generation that serves, lives as a master or is being promoted, and restart.hold is
// over. needless: one of these is no longer so (but for the time). S StartHold, E EndHold: it stops accepting first and
// then finishes what it accepted, K KillHold: it took too long. pause: a hold process that ends by itself is not started
// again at once.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "common/base/clock.h"

namespace emperor::supervise {

using common::Duration;
using common::TimePoint;

// What is true of the vassal now.
struct HoldView {
    bool is_wanted = false;    // clients may wait: not stopped, not asleep
    bool is_serving = false;   // the active generation can serve
    bool has_master = false;   // an active generation lives, able to serve or not
    bool is_promoting = false; // a successor may accept at any moment
    bool is_failing = false;   // an attempt failed; the next one waits
    Duration hold{};           // 0: clients wait for ever
};

struct StartHold { bool operator==(const StartHold&) const = default; };
struct EndHold { bool operator==(const EndHold&) const = default; };
struct KillHold { bool operator==(const KillHold&) const = default; };
// Replaces an earlier one; none: disarmed.
struct ArmHold { std::optional<TimePoint> deadline; bool operator==(const ArmHold&) const = default; };
using HoldCommand = std::variant<StartHold, EndHold, KillHold, ArmHold>;
using HoldCommands = std::vector<HoldCommand>;

class HoldFsm {
public:
    // What it accepted has deadlines of its own, below this one.
    static constexpr Duration patience = std::chrono::seconds(8);
    static constexpr Duration patience_when_unwanted = std::chrono::seconds(1);
    static constexpr Duration pause = std::chrono::seconds(5);

    [[nodiscard]] HoldCommands look(const HoldView& view, TimePoint now);
    // What failing_since() was under a former emperor; before the first look.
    void resume(TimePoint failing_since) noexcept { former_since_ = failing_since; }
    // Since when it cannot serve, as failed attempts show; none while it does, or is not to.
    [[nodiscard]] std::optional<TimePoint> failing_since() const noexcept { return has_failed_ ? since_ : former_since_; }
    // The hold process is gone, or could not be started.
    [[nodiscard]] HoldCommands exited(TimePoint now);
    [[nodiscard]] HoldCommands timer_fired(TimePoint now);

    [[nodiscard]] bool is_answering() const noexcept { return state_ == State::answering; }

private:
    enum class State { calm, answering, ending };

    void learn(const HoldView& view, TimePoint now);
    [[nodiscard]] bool is_needed() const noexcept;
    [[nodiscard]] HoldCommands step(TimePoint now);

    State state_ = State::calm;
    HoldView view_;
    bool was_serving_ = false;
    bool has_failed_ = false;             // an attempt, since it stopped being able to serve
    std::optional<TimePoint> since_;      // when it did
    std::optional<TimePoint> former_since_;  // under a former emperor, until it serves or is not to any more
    std::optional<TimePoint> not_before_; // the pause
    std::optional<TimePoint> kill_at_;
    std::optional<TimePoint> armed_;
};

}  // namespace emperor::supervise
