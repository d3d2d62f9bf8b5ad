// SPDX-License-Identifier: Apache-2.0
// The commands of emperorctl. Each does its work, writes to the context's streams and returns the exit code.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "emperor/ctl/context.h"

namespace emperor::ctl {

struct EventsOptions {
    std::vector<std::string> apps;  // names and globs; empty: all
    std::optional<int> lines;       // unset: 50, or all with `since`
    bool follows = false;
    std::string since;              // as parse_since() takes it; empty: no bound
};

struct LogsOptions {
    std::vector<std::string> apps;
    std::optional<int> lines;
    bool follows = false;
    std::string since;
    std::string grep;  // an extended regular expression; empty: all lines
};

// ---- asking the emperor ----
int status(const Context& context, const std::vector<std::string>& apps);
struct WatchOptions {
    std::vector<std::string> apps;
    std::string sort = "name";  // as column_of() takes it
    std::chrono::milliseconds interval{2000};
};
int watch(const Context& context, const WatchOptions& options);
int show(const Context& context, const std::string& app);
// `verb` is start, stop, restart, reload or rollback.
int operate(const Context& context, const std::string& verb, const std::vector<std::string>& apps, bool waits);
int logs(const Context& context, const LogsOptions& options);
int events(const Context& context, const EventsOptions& options);
int reopen_logs(const Context& context, const std::vector<std::string>& apps);
int why(const Context& context, const std::string& app);
int config(const Context& context, const std::string& app);
int version(const Context& context);
int upgrade(const Context& context);
// `workers` is "4", "2-8", or empty: what the file says.
int scale(const Context& context, const std::string& app, const std::string& workers, bool waits);

struct DiffOptions {
    std::vector<std::string> apps;
    std::vector<std::string> against;  // files or directories that are not deployed
    bool reveals = false;              // also what looks like a secret
};
int diff(const Context& context, const DiffOptions& options);

struct NginxOptions {
    std::vector<std::string> apps;
    std::vector<std::string> boxes;   // addresses of stats; none: this emperor's
    std::vector<std::string> listen;  // of the server blocks
};
int nginx_print(const Context& context, const NginxOptions& options);

// In the app's place: user, groups, umask, directory, environment. Returns only when it fails.
int exec(const Context& context, const std::string& app, const std::vector<std::string>& command);

// ---- without an emperor ----
int check(const Context& context, const std::vector<std::string>& paths, bool imports);
int explain(const Context& context, const std::string& key);
int schema(const Context& context, bool is_markdown);

}  // namespace emperor::ctl
