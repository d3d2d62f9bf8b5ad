// SPDX-License-Identifier: Apache-2.0
// What master, mold and workers of one generation say to each other, over common/link/channel.h. All are one binary and
// one build: no version. Text: a word, then for `failed` three NUL-separated fields.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

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
struct Draining {};  // the worker stopped accepting
// The mold imported the app but may not fork: threads of the app live. Workers import it one by one; the mold exits.
struct Unforkable {
    std::string threads;  // their names, ", " between
};

// ---- master → worker
struct Promote {};  // accept from now on
struct Drain {};    // stop accepting, finish, exit 0
struct Stop {};     // finish nothing: exit as soon as the running request allows
struct Poke {};     // try accept now: a sibling that was woken for a connection cannot take it

// ---- master → mold; attached: worker's link end, its stdout, its stderr
struct ForkWorker {
    int worker = 0;  // 1..N
};

using WorkerMessage = std::variant<Started, Ready, Failed, Draining, Unforkable>;
using MasterOrder = std::variant<Promote, Drain, Stop, ForkWorker, Poke>;

[[nodiscard]] std::string encode(const WorkerMessage& message);
[[nodiscard]] std::string encode(const MasterOrder& message);
[[nodiscard]] common::Result<WorkerMessage> decode_worker_message(std::string_view payload);
[[nodiscard]] common::Result<MasterOrder> decode_master_order(std::string_view payload);

}  // namespace vassal::link
