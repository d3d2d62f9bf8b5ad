// SPDX-License-Identifier: Apache-2.0
// What master, mold and workers of one generation say to each other, over common/link/channel.h. All are one binary and
// one build: no version. Text: a word, then for `failed` three NUL-separated fields.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"

namespace vassal::link {

// ---- worker (or mold) → master
struct Started {  // first word of a worker that the mold forked; its pidfd is attached
    std::int32_t pid = 0;
};
struct Ready {};  // app imported, waits for Promote
struct Failed {   // could not start; the process exits
    std::string step, reason, detail;
};
struct Draining {};  // the worker stopped accepting, after Drain or Suspend
struct Handover {    // a connection that this worker will never read; it is attached
    int listener = 0;  // index
};
// The app asks for a new copy of itself (emperor.reload()).
struct ReloadWanted {
    std::string reason;  // may be empty
};
// The mold imported the app but may not fork: threads of the app live. Workers import it one by one; the mold exits.
struct Unforkable {
    std::string threads;  // their names, ", " between
};
// The health check begins, or one more attempt does: what the last one failed of, empty before the first.
struct Probing {
    std::string failure;
};
// The connection of the Adopt with that ticket was taken from the link. Said before it is read: one whose worker ends without
// having said so may be given to another.
struct Adopted {
    int ticket = 1;
};
// Files that the app's code came from, or that a failed import was about (`autoreload`). Told before Ready or Failed, and
// whenever there are new ones.
struct Sources {
    std::vector<std::string> files;
    int age_ms = 0;  // at most so long ago they were loaded; 0: unknown
};

// ---- master → worker
struct Promote {};  // accept from now on; again after Suspend
struct Drain {      // stop accepting, finish, exit 0
    int patience_ms = 0;  // how long finishing may take; 0: timeouts.drain
};
struct Stop {};     // finish nothing: exit as soon as the running request allows
struct Poke {};     // try accept now: a sibling that was woken for a connection cannot take it
struct Adopt {      // a connection of a sibling's, as if it was accepted; it is attached. Adopted answers it
    int listener = 0;
    int ticket = 1;  // positive; one number for each that is given
};

// ---- master → mold; attached: worker's link end, its stdout, its stderr
struct ForkWorker {
    int worker = 0;  // 1..N
    int lane = 0;    // of the scoreboard
};

struct Suspend {};  // stop accepting and finish as for Drain, but stay: Promote, Drain or Stop follows some time

using WorkerMessage =
    std::variant<Started, Ready, Failed, Draining, Unforkable, Handover, Adopted, ReloadWanted, Probing, Sources>;
using MasterOrder = std::variant<Promote, Drain, Stop, ForkWorker, Poke, Adopt, Suspend>;

[[nodiscard]] std::string encode(const WorkerMessage& message);
[[nodiscard]] std::string encode(const MasterOrder& message);
// As many messages as it takes: packets are bounded.
[[nodiscard]] std::vector<Sources> in_packets(const std::vector<std::string>& files, int age_ms = 0);
// The same as encode(Handover{listener}), for signal handlers.
inline constexpr std::size_t handover_size = 32;
[[nodiscard]] std::string_view write_handover(int listener, std::span<char, handover_size> out) noexcept;
[[nodiscard]] common::Result<WorkerMessage> decode_worker_message(std::string_view payload);
[[nodiscard]] common::Result<MasterOrder> decode_master_order(std::string_view payload);

}  // namespace vassal::link
