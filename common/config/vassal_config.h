// SPDX-License-Identifier: Apache-2.0
// The typed view of one vassal's effective configuration. The decoder (decode.h) makes it from YAML through the key
// table (schema.h); the master makes the same from the JSON document that the emperor sends (effective.h).
// Plain values: no pointers, no file descriptors. Paths are as written, made absolute against `chdir` where relative.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/net/address.h"

namespace common::config {

using Milliseconds = std::chrono::milliseconds;

struct SocketConfig {
    std::uint32_t mode = 0660;
    std::string owner;  // empty: the vassal's user
    std::string group;  // empty: www-data where it exists, else the vassal's group
    int backlog = 0;    // 0: net.core.somaxconn

    friend bool operator==(const SocketConfig&, const SocketConfig&) = default;
};

struct TimeoutsConfig {  // zero means off, where the schema allows off
    Milliseconds start{60'000};
    Milliseconds request{60'000};
    Milliseconds drain{30'000};
    Milliseconds kill{5'000};
    Milliseconds header{10'000};
    Milliseconds body{60'000};
    Milliseconds write{60'000};
    Milliseconds keepalive{5'000};
    Milliseconds idle{0};  // with on_demand: asleep after so long without a request

    friend bool operator==(const TimeoutsConfig&, const TimeoutsConfig&) = default;
};

struct RestartConfig {
    Milliseconds initial{100};
    Milliseconds max{60'000};
    Milliseconds stable{10'000};  // serving this long counts as success and resets the backoff
    Milliseconds hold{10'000};    // clients of a vassal in backoff wait so long, then they get 503; zero: for ever

    friend bool operator==(const RestartConfig&, const RestartConfig&) = default;
};

struct LimitsConfig {
    std::uint64_t header_size = 64 * 1024;     // bytes of a request head
    std::uint32_t headers = 256;               // header fields of a request
    std::uint64_t body = 1024ull << 20;        // bytes of a request body; over it: 413
    std::uint64_t body_memory = 1ull << 20;    // larger bodies go to a temporary file
    std::uint32_t connections = 4096;          // open client connections of one worker

    friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

enum class AccessLog { off, text, json };
enum class LogFormat { text, json };
enum class LogJournal { automatic, on, off };

// Of log.file, by its size.
struct LogRotation {
    std::uint64_t size = 0;  // bytes; zero: off
    int keep = 5;            // files besides the current one

    friend bool operator==(const LogRotation&, const LogRotation&) = default;
};

struct LogConfig {
    std::string file;  // also write the app's lines here; empty: only to the emperor
    LogFormat format = LogFormat::text;  // of the app's lines there
    LogRotation rotate;
    LogJournal journal = LogJournal::automatic;
    AccessLog access = AccessLog::off;
    std::string access_format;  // empty: the default of `access`
    Milliseconds slow{0};       // requests that run longer are logged with their stack; zero: off

    friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

// When a worker is replaced although nothing is wrong with it; zero: never for this reason.
struct RecycleConfig {
    std::uint64_t max_requests = 0;
    int jitter = 10;           // percent: each process draws its own bounds, up to so much lower
    std::uint64_t max_rss = 0;  // bytes
    Milliseconds max_age{0};

    friend bool operator==(const RecycleConfig&, const RecycleConfig&) = default;
};

// After a promotion: how long the old generation stays warm (zero: not at all), and what brings it back.
struct RolloutConfig {
    Milliseconds observe{0};
    int max_error_rate = 5;  // percent of the answers

    friend bool operator==(const RolloutConfig&, const RolloutConfig&) = default;
};

struct StatusRange {
    int from = 200;
    int to = 399;

    friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

// A request that every new worker has to answer before it may serve.
struct HealthConfig {
    std::string path;  // empty: none
    std::string host;  // empty: the first of `hosts`, else localhost
    StatusRange status;
    Milliseconds timeout{5'000};
    int attempts = 3;

    friend bool operator==(const HealthConfig&, const HealthConfig&) = default;
};

struct VassalConfig {
    std::string app;
    std::string chdir;        // empty: the user's home directory, "/" if that cannot be entered
    std::string venv;         // empty: none
    std::string mount;        // SCRIPT_NAME prefix, "" or "/prefix"
    std::map<std::string, std::string> env;
    std::vector<std::string> env_file;
    std::vector<std::string> python_path;
    std::vector<std::string> watch;  // paths; when what is there changes, the vassal is reloaded
    std::vector<net::ListenAddress> listen;  // never empty after decoding
    std::vector<std::string> hosts;  // names by which web servers route, lower-case
    int workers = 1;      // the most processes; "auto" is resolved to the number of usable processors
    int workers_min = 1;  // the fewest; as many as `workers` unless a range was written
    int threads = 1;
    bool preload = false;
    bool enabled = true;
    bool on_demand = false;  // started by its first connection
    bool autoreload = false;  // when a file of the app's code changes
    bool stream_body = false;  // call the app before the body of the request has come in
    std::string before_start;  // a shell command, run once per generation before the app is imported
    std::string user;          // name or number; empty: the emperor's user, or the owner of the file (law 11)
    std::string group;         // empty: the user's primary group
    std::optional<std::uint32_t> umask;
    std::map<std::string, std::string> static_files;  // URL prefix, "/static" → directory
    std::vector<std::string> trusted_proxies;  // addresses or CIDR blocks whose X-Forwarded-* is believed
    SocketConfig socket;
    TimeoutsConfig timeouts;
    RestartConfig restart;
    RecycleConfig recycle;
    RolloutConfig rollout;
    HealthConfig health;
    LimitsConfig limits;
    LogConfig log;

    friend bool operator==(const VassalConfig&, const VassalConfig&) = default;
};

}  // namespace common::config
