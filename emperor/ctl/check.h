// SPDX-License-Identifier: Apache-2.0
// `emperorctl check`: the same verdict over files and directories as the emperor's, without an emperor. Reads
// directories with the emperor's own scanner, decodes, verifies against this machine and, where an emperor answers,
// excuses the addresses that its own vassals listen on.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/config/decode.h"
#include "common/config/diagnostic.h"
#include "common/config/verify.h"
#include "common/net/address.h"

namespace emperor::ctl {

struct CheckOptions {
    std::string runtime_dir;  // of the default listen address
    std::map<std::string, std::set<std::string>> own_addresses;  // vassal → what it listens on under the running emperor
    std::function<bool(const common::net::Address&)> is_in_use;  // by anybody
    bool is_one_fleet = false;   // the directories are those of one emperor: no name, address or host twice in all of them
    bool knows_emperor = false;  // one answered: what is in use and not in own_addresses is somebody else's
};

// A file without errors: what importing its app takes.
struct Importable {
    std::string file;
    std::string name;
    std::shared_ptr<const common::config::Effective> effective;
    common::config::Identity identity;
};

struct CheckReport {
    common::config::Diagnostics diagnostics;  // sorted by file, then position
    std::vector<std::string> files;           // that were looked at
    std::vector<Importable> importable;       // of them

    [[nodiscard]] std::size_t errors() const;
    [[nodiscard]] std::size_t files_with_errors() const;
    [[nodiscard]] std::string summary() const;  // "2 errors in 2 files", "3 files are valid"
};

// `paths` are files or directories.
[[nodiscard]] CheckReport check_paths(const std::vector<std::string>& paths, const CheckOptions& options);

// Somebody listens there: a unix socket that accepts, a TCP port that cannot be bound.
[[nodiscard]] bool is_listened_on(const common::net::Address& address);

}  // namespace emperor::ctl
