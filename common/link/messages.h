// SPDX-License-Identifier: Apache-2.0
// What emperor and master say to each other, over a channel.h. JSON objects: {"type":"ready",…}. The version is that of
// this file: a peer that speaks another one is rolled out anew, not trusted. The minor version counts additions: what a
// master of a lower one does not know is not asked of it.
//
//   emperor → master                         master → emperor
//   start (config; fds)                      hello, step*, ready | failed
//   promote                                  promoted
//   suspend                                  suspended (no worker accepts any more, all live on)
//   resume                                   resumed
//   stop (graceful | fast)                   worker_*, reload_requested, sources_changed, stopping, draining, then EOF by exiting
//   reopen_logs                              log_file* (whenever what is wrong with log.file changes)
//   reconfigure (minor 1)                    reconfigured*
//   attach (a new emperor, on rendezvous)    snapshot (fds), then as above
//   hold (fds) instead of start, hold*       -, then EOF by exiting
//
// The rendezvous socket is a listening SOCK_SEQPACKET one. A master takes a connection there from root, from itself and
// from the user that its former emperor ran as; the first message must be attach. The link of a former emperor, if it
// still stands, is closed then, and the log channel is a fresh pair whose reading end comes with the snapshot: what was
// written while no emperor read is in the scoreboard's ring.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/exit_status.h"
#include "common/base/result.h"
#include "common/config/verify.h"

namespace common::link {

inline constexpr int protocol_version = 1;
inline constexpr int protocol_minor = 1;

// ---- emperor → master ----------------------------------------------------------------------------------------------

// First message. Attached fds, in this order: one per listener (in the order of config.listen), scoreboard memfd,
// log channel, rendezvous listening socket.
struct Start {
    int version = protocol_version;
    std::string name;
    std::uint32_t generation = 0;
    int bank = 0;                       // which half of the scoreboard this generation writes (0 or 1)
    nlohmann::json config;              // canonical document of common/config/decode.h
    config::Identity identity;          // for HOME, USER…; the process already runs as this user
    std::vector<std::string> listeners; // text of each listener as bound
};
// Begin to accept.
struct Promote {};
// graceful: drain, then end within timeouts.drain; fast: end now (workers get timeouts.kill). A second one may hurry a first.
struct Stop {
    bool graceful = true;
    std::string reason;
};
struct ReopenLogs {};
struct Attach {
    int version = protocol_version;
};
// Go on with another configuration, in the same generation: nothing in it differs that needs more than other workers.
// `with_workers`: replace them even if nothing seems to differ (an earlier change may not be carried out everywhere).
struct Reconfigure {
    std::uint64_t id = 0;  // comes back in Reconfigured
    bool with_workers = false;
    nlohmann::json config;  // canonical document
};

// Instead of Start: no generation can be started, so tell every client 503, until Stop or the end of the link. Attached
// fds: one per listener. Sent again, without listeners, when the time of the next attempt changes.
struct Hold {
    int version = protocol_version;
    std::string name;
    std::vector<std::string> listeners;  // text of each, as bound
    std::int64_t retry_ms = 0;           // until the next attempt to start
};

// Stop accepting, finish what was accepted, and stay as you are: the standby of the generation that replaced this one.
struct Suspend {};
// Accept again.
struct Resume {};

using EmperorMessage = std::variant<Start, Promote, Stop, ReopenLogs, Attach, Hold, Suspend, Resume, Reconfigure>;

// ---- master → emperor ----------------------------------------------------------------------------------------------

struct Hello {
    int version = protocol_version;
    std::int32_t pid = 0;
    int minor = protocol_minor;  // not said: 0
};
// A named step of the start began: "environment", "before_start", "preload", "import", "health". `status` shows it.
struct Step {
    std::string name;
};
// Every worker has imported the app and waits for Promote.
struct Ready {
    std::int64_t startup_ms = 0;
};
// The start failed at `step`; the master exits by itself. `detail` is the traceback or the command's output.
struct Failed {
    std::string step;
    std::string reason;
    std::string detail;
};
struct Promoted {};
// After a graceful Stop: no worker accepts any more; what arrives from now on is the next generation's.
struct Draining {};
// After Suspend: no worker accepts any more. After Resume: those that can serve were told to accept.
struct Suspended {};
struct Resumed {};
struct WorkerStarted {  // serving-time replacement, not the first ones
    int worker = 0;     // 1..N
    std::int32_t pid = 0;
};
struct WorkerExited {
    int worker = 0;
    std::int32_t pid = 0;
    ExitStatus status;
    std::string reason;           // "request timeout: GET /slow after 60 s", "killed by signal 11 (SIGSEGV)"…
    bool expected = false;        // drained or recycled
    std::int64_t retry_ms = 0;    // replacement starts in this many milliseconds
};
// No worker is able to serve (all in backoff) or some are again.
struct ServingChanged {
    bool is_serving = true;
    std::string reason;
    std::int64_t retry_ms = 0;
};
struct Stopping {
    std::string reason;
};
// The app asked for its own reload. An emperor that does not know this message ignores it.
struct ReloadRequested {
    int worker = 0;
    std::int32_t pid = 0;
    std::string reason;  // the app's words, may be empty
};
// `autoreload`: files of the app's code changed. An emperor that does not know this message ignores it.
struct SourcesChanged {
    std::string cause;  // "/srv/shop/views.py changed"
    std::vector<std::string> files = {};  // which ones, where they are few; older masters do not say it
};
// Before Failed, with `autoreload`: when one of these changes, another start is worth it. Likewise.
struct FailedSources {
    std::vector<std::string> files;  // absolute, at most 64
};
// log.file cannot be written (or rotated), or can again. Also after a Snapshot, where something is wrong. Likewise.
struct LogFile {
    std::string problem;  // "log.file: open /x: Permission denied"; empty: nothing any more
};
// Answer to Attach; fds as in Start without the rendezvous socket: listeners, scoreboard, log channel (to read from).
struct Snapshot {
    int version = protocol_version;
    std::string name;
    std::uint32_t generation = 0;
    int bank = 0;
    std::string state;  // "starting", "ready", "serving", "suspended", "draining"
    nlohmann::json config;
    config::Identity identity;
    std::vector<std::string> listeners;
    int minor = protocol_minor;  // not said: 0
};
// What became of a Reconfigure: "taken" (in force; the workers are being replaced), "applied" (all of it is done),
// "stalled" (a replacement failed, for `reason`; the old worker serves on, the next try follows), "refused" (nothing
// changed). A newer one ends what is said about an older one.
struct Reconfigured {
    std::uint64_t id = 0;
    std::string outcome;
    std::string reason;
};

using MasterMessage =
    std::variant<Hello, Step, Ready, Failed, Promoted, Draining, WorkerStarted, WorkerExited, ServingChanged, Stopping,
                 ReloadRequested, Snapshot, Suspended, Resumed, Reconfigured, SourcesChanged, FailedSources, LogFile>;

[[nodiscard]] std::string encode(const EmperorMessage& message);
[[nodiscard]] std::string encode(const MasterMessage& message);
// Untrusted input (a tenant's process sends it): anything unexpected is an Error, never an exception.
[[nodiscard]] Result<EmperorMessage> decode_emperor_message(std::string_view payload);
[[nodiscard]] Result<MasterMessage> decode_master_message(std::string_view payload);

}  // namespace common::link
