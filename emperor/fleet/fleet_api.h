// SPDX-License-Identifier: Apache-2.0
// What the control and stats rooms know of the fleet: plain views, and an interface to act. They never see its insides.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/exit_status.h"
#include "common/base/result.h"
#include "common/config/decode.h"
#include "common/config/verify.h"
#include "common/link/log_record.h"
#include "common/scoreboard/scoreboard.h"
#include "emperor/supervise/types.h"
#include "emperor/supervise/vassal_fsm.h"

namespace emperor::fleet {

// One lifecycle change, as kept in the vassal's history (history.h) and shown by `show`, `why` and `events`.
struct HistoryEntry {
    std::int64_t time_us = 0;  // epoch
    std::string event;         // "crashed", "reloaded"…
    supervise::Generation generation = 0;
    std::string text;
    std::string detail = {};   // of a failure: the app's last lines before it; kept for the newest few only

    friend bool operator==(const HistoryEntry&, const HistoryEntry&) = default;
};

struct InstanceView {
    supervise::Generation generation = 0;
    pid_t master_pid = 0;
    int bank = 0;
    std::string role;   // "active", "successor", "standby", "draining"
    std::string state;  // "spawning", "starting", "ready", "serving", "suspended", "draining", "killing"
    std::string step;   // of the start
    std::int64_t started_us = 0;  // epoch
};

// A snapshot of one vassal, good for the current event-loop turn.
struct VassalView {
    std::string name;
    std::string file;  // "" when it was removed and is draining
    supervise::VassalStatus status;
    std::int64_t since_us = 0;          // epoch: when the displayed state began
    std::optional<std::int64_t> retry_at_us;
    std::vector<InstanceView> instances;
    common::config::Diagnostics diagnostics;  // of the file as it is now
    const common::config::Effective* effective = nullptr;  // of the active generation, else of the desired one
    const common::config::Identity* identity = nullptr;
    std::optional<uid_t> file_owner;          // of a file that was never valid, so that it gave nobody's rights yet
    const common::scoreboard::Board* board = nullptr;      // null before the first start
    std::vector<common::net::ListenAddress> listeners;     // open now
    std::vector<int> listener_fds;                         // borrowed, for queue lengths
    std::vector<HistoryEntry> history;
    std::uint64_t restarts = 0;         // unexpected ends of masters, since the vassal began
    std::uint64_t reloads = 0;          // successful rollouts
    std::optional<std::int64_t> observed_until_us;               // epoch
    const common::config::Effective* last_good = nullptr;        // what `rollback` would bring, or brought
    const common::config::Effective* rolled_back_from = nullptr; // what the file says and is not run
    std::vector<std::string_view> differing_keys;                // between that and what runs
    // What the file says about `workers`, where an operator's scale is in force.
    std::optional<nlohmann::json> workers_of_file;
    std::uint64_t failed_reloads = 0;
    std::optional<HistoryEntry> last_crash;  // the newest of the history
};

// Who asks, from the peer credentials of the control socket.
struct Actor {
    uid_t uid = 0;
    pid_t pid = 0;
    std::string name;  // user name or number
};

struct Outcome {
    bool ok = false;
    supervise::Failure failure;                    // when not ok
    std::vector<common::link::LogRecord> last_log; // when not ok
    std::string note{};                            // what else an operator should know
};

// A number of workers, or a range.
struct WorkersRange {
    int min = 1, max = 1;
};

// What a rescan would do about one app, or why it would do nothing although file and running app differ.
struct Difference {
    struct Value {
        std::string key;  // dotted path
        nlohmann::json before, after;
    };
    std::string app;
    std::string action;  // as plan::name_of, "unchanged", or "not_applied"
    std::string change;  // "live", "recycle", "rollout", "listeners"; "" where none applies
    std::string cause;
    std::vector<Value> values;
    common::config::Diagnostics diagnostics;
};

// A vassal file that is not deployed (yet).
struct CandidateFile {
    std::string name;
    std::string text;
    std::optional<std::string> defaults;
    bool knows_variables = false;  // ${VAR} may be looked up in the emperor's environment
    std::string shown_path = {};   // what findings call the file; empty: by the path that it would be deployed at
};

class FleetApi {
public:
    virtual ~FleetApi() = default;

    [[nodiscard]] virtual std::vector<std::string> names() const = 0;  // sorted
    // Counts up whenever a name comes or goes: whoever follows them need not ask for a thousand names to find nothing new.
    [[nodiscard]] virtual std::uint64_t names_version() const = 0;
    [[nodiscard]] virtual std::optional<VassalView> view(std::string_view name) const = 0;
    // The same without its history, for who looks at all vassals at once.
    [[nodiscard]] virtual std::optional<VassalView> glance(std::string_view name) const = 0;
    // Each view's `board`, in the order of the names, where there is one: a look at every vassal every few seconds must not
    // cost a view each.
    virtual void each_board(const std::function<void(const std::string&, const common::scoreboard::Board&)>& visit) const = 0;

    // `done` is called once, from the event loop, never from inside request(). A wish that is overtaken by a newer one
    // is done with ok = false and says so.
    virtual void request(std::string_view name, supervise::Operation operation, const Actor& actor,
                         std::function<void(const Outcome&)> done) = 0;

    // Live lines of one vassal, until the returned subscription is destroyed. The callback must not block.
    class Subscription {
    public:
        virtual ~Subscription() = default;
    };
    [[nodiscard]] virtual std::unique_ptr<Subscription> follow_log(
        std::string_view name, std::function<void(const common::link::LogRecord&)> on_line) = 0;
    // Of every vassal, also of one that comes later.
    [[nodiscard]] virtual std::unique_ptr<Subscription> follow_logs(
        std::function<void(const std::string& name, const common::link::LogRecord&)> on_line) = 0;
    // Every new entry of every vassal's history, likewise.
    [[nodiscard]] virtual std::unique_ptr<Subscription> follow_events(
        std::function<void(const std::string& name, const HistoryEntry&)> on_event) = 0;

    // Changes the number of workers in place; nullopt: what the file says again. Immediately in force or an error.
    [[nodiscard]] virtual common::Result<void> scale(std::string_view name, const std::optional<WorkersRange>& range,
                                                     const Actor& actor) = 0;

    // Looks at the directories, and does nothing about it.
    [[nodiscard]] virtual std::vector<Difference> diff() = 0;
    // As if this file stood in place of the app's own.
    [[nodiscard]] virtual Difference diff(const CandidateFile& file) = 0;

    // Emperor-wide facts.
    struct Self {
        std::string version;
        pid_t pid = 0;
        std::int64_t started_us = 0;
        std::vector<std::string> directories;
        std::string runtime_directory;
        bool is_shutting_down = false;
        bool has_scanned = true;  // false: the apps that there are may not all be known yet
    };
    [[nodiscard]] virtual Self self() const = 0;

    // Adds to one vassal's history what another room has seen of it.
    virtual void note(std::string_view name, const std::string& event, const std::string& text) = 0;

    // Opens one vassal's log.file anew.
    virtual void reopen_log(std::string_view name) = 0;

    // Rescan now, as SIGHUP does.
    virtual void rescan() = 0;
};

}  // namespace emperor::fleet
